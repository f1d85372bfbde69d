#include "proxy/server/runtime.hpp"

#include <algorithm>
#include <utility>

namespace server {
namespace {

// The position in the plan of the listener that this address belongs to; none = of no one any more.
std::optional<std::size_t> owner_of(const base::Address& address, bool is_of_datagrams,
                                    const Plan& plan) {
  for (std::size_t i = 0; i < plan.listeners.size(); ++i) {
    const std::vector<base::Address>& addresses = plan.listeners[i].addresses;
    if (plan.listeners[i].carries_datagrams() != is_of_datagrams) continue;
    if (std::find(addresses.begin(), addresses.end(), address) != addresses.end()) return i;
  }
  return std::nullopt;
}

}  // namespace

// What is to come into force.
struct Runtime::Building {
  base::Ref<Generation> generation;
  std::vector<NewSocket> sockets;
  std::function<void()> done;
};

Runtime::Runtime(base::EventLoop& loop, base::Executor& executor, std::size_t worker,
                 Shared& shared)
    : loop_(loop),
      shared_(shared),
      lingering_(loop),
      neighbour_(shared.admission.neighbours(), lingering_),
      handshake_turns_(loop),
      pools_(loop, upstream::net_dialers(loop, handshake_turns_, shared.log), shared.cluster_states),
      lost_clients_(loop, shared.log, shared.metrics, worker),
      parts_{loop, &executor, worker, shared, pools_, lost_clients_, mirrors_},
      mirrors_(loop) {}

Runtime::~Runtime() = default;

void Runtime::adopt(Adoption adoption) {
  base::Ref<Generation> next = begin(adoption);
  while (!next->build()) {
  }
  take(std::move(next), std::move(adoption.sockets));
}

void Runtime::adopt_in_turns(Adoption adoption, std::function<void()> done) {
  base::Ref<Generation> next = begin(adoption);
  building_ = std::make_unique<Building>(
      Building{std::move(next), std::move(adoption.sockets), std::move(done)});
  build();
}

// A post runs in the turn behind this one.
void Runtime::build() {
  if (!building_->generation->build()) return loop_.post([this] { build(); });
  const std::unique_ptr<Building> built = std::move(building_);
  take(std::move(built->generation), std::move(built->sockets));
  built->done();
}

// What names stand for is known from the start.
base::Ref<Generation> Runtime::begin(Adoption& adoption) {
  Generation::Owner& owner = *this;
  generations_.push_back(std::make_unique<Generation>(parts_, std::move(adoption.plan), owner));
  base::Ref<Generation> next(*generations_.back());
  for (const auto& endpoints : adoption.endpoints) next->clusters().publish(*endpoints);
  return next;
}

// The new generation is there before the old one goes, so that what both use is not given up
// between them.
void Runtime::take(base::Ref<Generation> next, std::vector<NewSocket> sockets) {
  present_ = std::move(next);
  pools_.forget_all_but(present_->plan().config->clusters);
  hand_over_listeners();
  listen(std::move(sockets));
}

void Runtime::hand_over_listeners() {
  std::erase_if(listeners_, [](const auto& listener) {
    return listener->is_draining() && listener->connections() == 0;
  });
  for (const auto& listener : listeners_) {
    if (listener->is_draining()) continue;
    if (const auto number =
            owner_of(listener->address(), listener->carries_datagrams(), present_->plan()))
      listener->follow(present_, *number);
    else
      listener->drain();
  }
}

void Runtime::listen(std::vector<NewSocket> sockets) {
  for (NewSocket& socket : sockets) {
    const bool is_of_datagrams = net::is_of_datagrams(socket.descriptor.number());
    const auto number = owner_of(socket.address, is_of_datagrams, present_->plan());
    assert(number && "a socket is bound for a listener");
    Listener& listener = *listeners_.emplace_back(
        std::make_unique<Listener>(loop_, lingering_, handshake_turns_, shared_.admission));
    listener.follow(present_, *number);
    listener.accept_on(std::move(socket));
    if (!is_accepting_) listener.pause();
  }
}

std::vector<NewSocket> Runtime::listening() const {
  std::vector<NewSocket> all;
  for (const auto& listener : listeners_)
    if (!listener->is_draining()) all.push_back(listener->duplicate());
  return all;
}

void Runtime::on_over(Generation& generation) noexcept {
  if (!generation.dismantle()) return loop_.post([this, &generation] { on_over(generation); });
  std::erase_if(generations_, [&](const auto& each) { return each.get() == &generation; });
  pools_.sweep();
}

void Runtime::publish(const upstream::PublishedEndpoints& endpoints) {
  for (const auto& generation : generations_) generation->clusters().publish(endpoints);
}

void Runtime::renew_listener_tls(std::string_view name,
                                 std::shared_ptr<const certs::TlsContext> context) {
  for (const auto& listener : listeners_)
    if (!listener->is_draining() && listener->plan().config->name == name)
      listener->set_tls(context);
}

void Runtime::renew_cluster_tls(std::string_view cluster,
                                std::shared_ptr<const certs::TlsContext> context) {
  present_->clusters().renew_tls(cluster, std::move(context));
}

std::vector<upstream::ClusterSnapshot> Runtime::clusters() {
  pools_.sweep();
  return present_->clusters().snapshot();
}

void Runtime::accept(bool is_wanted) {
  is_accepting_ = is_wanted;
  for (const auto& listener : listeners_) is_wanted ? listener->resume() : listener->pause();
}

void Runtime::drain(bool outbound, bool is_replaced) {
  for (const auto& listener : listeners_)
    if (listener->is_outbound() == outbound) listener->drain(is_replaced);
}

std::size_t Runtime::cut(bool outbound) {
  std::size_t count = 0;
  for (const auto& listener : listeners_)
    if (listener->is_outbound() == outbound) count += listener->cut();
  return count;
}

bool Runtime::is_idle() const {
  for (const auto& listener : listeners_)
    if (listener->connections() > 0) return false;
  return lingering_.empty();
}

}  // namespace server
