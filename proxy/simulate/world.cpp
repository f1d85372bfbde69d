#include "proxy/simulate/world.hpp"

#include "proxy/base/within.hpp"

#include <algorithm>
#include <unistd.h>
#include <utility>

namespace simulate {
namespace {

using base::Duration;
using base::Time;

constexpr std::size_t most_moments = 300;
constexpr Millis shortest_moment{100};
constexpr Millis last_wait{60'000};  // for what is under way at the end

// A client that takes what it gets.
class Client final : public http::ServerStream {
 public:
  Client(const http::ConnectionInfo& connection, base::Loop& loop)
      : connection_(connection), loop_(loop) {}

  const http::ConnectionInfo& connection() const override { return connection_; }
  void send_interim(int, const http::Headers&) noexcept override {}
  base::Result<void> send_head(const http::Response&, bool) override { return {}; }
  base::Task<base::Result<void>> write(base::Bytes) override { return base::Result<void>(); }
  base::Result<void> finish(const http::Headers&) override { return {}; }
  bool carries_trailers() const override { return true; }
  void abort(const base::Error&) noexcept override {}
  Time last_taken() const override { return loop_.now(); }

 private:
  const http::ConnectionInfo& connection_;
  base::Loop& loop_;
};

// A moment is as long as makes few enough of them, and a round number of tenths of a second.
Duration moment_of(Millis length) {
  const std::int64_t tenths = length / shortest_moment;
  for (const std::int64_t round : {1, 2, 5, 10, 20, 50, 100, 300, 600, 3'000, 6'000, 36'000})
    if (tenths / round <= static_cast<std::int64_t>(most_moments)) return shortest_moment * round;
  return length / static_cast<std::int64_t>(most_moments);
}

base::Address address_of_client(std::size_t number) {
  const std::string text = "100.64." + std::to_string(number / 250 % 250) + '.' +
                           std::to_string(number % 250 + 1);
  return *base::Address::parse_ip(text, static_cast<std::uint16_t>(1'024 + number / 62'500));
}

http::RequestHead head_of(const Asked& asked, std::size_t client) {
  http::RequestHead head;
  head.method = http::method_from(asked.method);
  if (head.method == http::Method::other) head.other_method = asked.method;
  head.scheme = "http";
  head.authority = asked.host;
  head.path = asked.path;
  constexpr std::string_view variable = "{client}";
  for (const auto& [name, value] : asked.headers) {
    std::string text = value;
    if (const std::size_t at = text.find(variable); at != text.npos)
      text.replace(at, variable.size(), std::to_string(client + 1));
    head.headers.add(name, text);
  }
  return head;
}

}  // namespace

VirtualLoop::VirtualLoop(std::uint64_t seed) : Loop(Time{} + std::chrono::hours{1}, seed) {
  constexpr std::chrono::seconds some_day{1'767'225'600};  // 2026-01-01
  set_wall(now(), base::WallTime(some_day));
}

World::World(std::shared_ptr<const server::Plan> plan, Scenario scenario,
             std::unique_ptr<Traffic> traffic)
    : plan_(std::move(plan)),
      scenario_(std::move(scenario)),
      log_(STDERR_FILENO, base::Level::error, false),
      loop_(scenario_.seed),
      begin_(loop_.now()),
      tally_(begin_, scenario_.length, moment_of(scenario_.length)),
      traffic_(std::move(traffic)),
      tasks_(loop_) {
  build_services();
  build_clients();
  if (!traffic_)
    traffic_ = make_traffic(
        scenario_,
        scenario_.requests.empty() ? ask_each_route(*plan_->config) : scenario_.requests,
        clients_.size());
}

World::~World() {
  tasks_.cancel_all();
  loop_.settle();
}

void World::build_services() {
  network_.there_and_back = scenario_.network;
  for (const config::Cluster& cluster : plan_->config->clusters) add_origins(cluster);
  for (const Happening& event : scenario_.happenings) schedule(event);
}

void World::add_origins(const config::Cluster& cluster) {
  const auto known = scenario_.services.find(cluster.name);
  ServiceRules& rules = rules_[cluster.name];
  if (known != scenario_.services.end()) rules = known->second;
  OriginObserver& observer = *this;
  std::size_t number = 0;
  for (const config::Endpoint& endpoint : cluster.endpoints) {
    const std::uint64_t seed = scenario_.seed * 1'000'003 + origins_.size() + 1;
    Origin& origin = origins_.emplace_back(cluster.name, ++number, rules, seed, observer);
    network_.origins[*base::Address::parse_ip(endpoint.host, endpoint.port)] = &origin;
  }
}

void World::schedule(const Happening& event) {
  for (Origin& origin : origins_) {
    if (!event.service.empty() && origin.service() != event.service) continue;
    if (event.endpoint > 0 && origin.number() != event.endpoint) continue;
    origin.expect(event, begin_);
    if (!event.is_recorded()) tasks_.spawn(cause(event, origin)).release();
  }
}

base::Task<> World::cause(Happening event, Origin& origin) {
  co_await base::sleep_until(loop_, begin_ + event.at);
  origin.happens(event, loop_.now());
}

void World::build_clients() {
  const std::size_t clients = scenario_.clients > 0 ? scenario_.clients : scenario_.sidecars;
  for (std::size_t i = 0; i < clients; ++i)
    clients_.push_back({address_of_client(i), false, "", "http1"});
  ExchangeObserver& observer = *this;
  const Sidecar::Surroundings around{loop_, log_, plan_, network_, observer};
  for (std::size_t i = 0; i < scenario_.sidecars; ++i)
    sidecars_.push_back(std::make_unique<Sidecar>(
        around, [this, i](std::string_view place, std::string_view state) {
          tally_.changed(loop_.now(), i + 1, place, state);
        }));
}

void World::run() {
  tasks_.spawn(offer()).release();
  loop_.advance(scenario_.length);
  const Time latest = loop_.now() + last_wait;
  while (under_way_ > 0 && loop_.now() < latest) loop_.advance(shortest_moment);
  tasks_.cancel_all();
  loop_.settle();
}

base::Task<> World::offer() {
  for (std::optional<Arrival> next = traffic_->next(); next; next = traffic_->next()) {
    if (next->at >= scenario_.length) co_return;
    if (begin_ + next->at > loop_.now()) co_await base::sleep_until(loop_, begin_ + next->at);
    begin(*next);
  }
}

void World::begin(const Arrival& arrival) {
  tally_.offered(loop_.now());
  ++under_way_;
  tasks_
      .spawn(ask(listener_of(*arrival.asked), head_of(*arrival.asked, arrival.client),
                 arrival.client % clients_.size()))
      .release();
}

std::size_t World::listener_of(const Asked& asked) const {
  for (std::size_t i = 0; i < plan_->listeners.size(); ++i) {
    const config::Listener& listener = *plan_->listeners[i].config;
    if (asked.listener.empty() ? listener.carries_requests() : listener.name == asked.listener)
      return i;
  }
  return 0;
}

// Leaves when its patience has come to an end.
base::Task<> World::ask(std::size_t listener, http::RequestHead head, std::size_t client) {
  const Time until = base::deadline(loop_.now(), scenario_.patience);
  base::FixedLimit limit(loop_, until);
  base::Task<bool> serving = served(listener, std::move(head), client);
  const std::optional<bool> done = co_await base::within(std::move(serving), limit);
  (void)done;
  --under_way_;
}

base::Task<bool> World::served(std::size_t listener, http::RequestHead head, std::size_t client) {
  Client stream(clients_[client], loop_);
  http::Incoming incoming;
  incoming.head = std::move(head);
  co_await sidecars_[client % sidecars_.size()]->serve(listener, std::move(incoming), stream);
  co_return true;
}

void World::ended(const http::StreamInfo& info) {
  tally_.ended(info);
}

void World::arrived(const Origin&) {
  tally_.arrived(loop_.now());
}

}  // namespace simulate
