#include "proxy/upstream/cluster.hpp"

#include "proxy/upstream/outlier.hpp"

#include <algorithm>
#include <utility>

namespace upstream {

using base::Error;
using base::Fault;
using base::Reason;
using base::Result;
using base::Task;
using base::Time;

namespace {

constexpr std::chrono::seconds names_slack{1};  // beyond the timeout of one question

class Counting {
 public:
  explicit Counting(std::uint32_t& count) : count_(count) { ++count_; }
  Counting(const Counting&) = delete;
  Counting& operator=(const Counting&) = delete;
  ~Counting() { --count_; }

 private:
  std::uint32_t& count_;
};

std::string_view health_of(const EndpointState& state, base::Time now) {
  if (state.is_ejected()) return "ejected";
  if (state.is_unhealthy()) return "unhealthy";
  return state.is_unreachable(now) ? "unreachable" : "healthy";
}

std::optional<Affinity> affinity_of(const config::Cluster& config) {
  if (!config.hash_on) return std::nullopt;
  return std::optional<Affinity>(std::in_place, *config.hash_on);
}

}  // namespace

Cluster::Cluster(base::Ref<EndpointPools> pools, const config::Cluster& config, std::string zone)
    : pools_(std::move(pools)),
      config_(config),
      rules_{config.panic, config.slow_start, std::move(zone)},
      affinity_(affinity_of(config)),
      balancer_(make_balancer(config.load_balancer)) {
  pools_->watch(*this);
}

Cluster::~Cluster() = default;

void Cluster::publish(const EndpointSet& set) {
  Endpoints before = std::move(endpoints_);
  endpoints_.clear();
  states_.clear();
  for (const WeightedAddress& each : set.addresses) {
    endpoints_.push_back({pools_->at(each.address), each.weight, each.priority, each.zone});
    states_.push_back(endpoints_.back().endpoint->state);
  }
  table_ = set.table;
  choose_anew();
  before.clear();  // lets go of what is not among them
  pools_->sweep();
  failure_ = set.failure;
  is_known_ = true;
  wake(waiting_);
  wake(held_);
}

Task<> Cluster::known(Time until) {
  Waiter waiter(loop());
  waiting_.push_back(waiter);
  const Time answered_by = loop().now() + config_.dns.timeout + names_slack;
  co_await waiter.event.wait(std::min(until, answered_by));
}

Result<Endpoint*> Cluster::pick(const Ask& ask) {
  follow_changes();
  http::EndpointGate* refused_by = nullptr;
  Endpoint* endpoint = balancer_->pick(ask, loop().random());
  if (endpoint && ask.gate) endpoint = admitted(*endpoint, ask, refused_by);
  if (endpoint) return endpoint;
  if (refused_by) return refused_by->refusal();
  if (failure_) return *failure_;
  if (!is_known_)
    return Error{Reason::dns_failure, Fault::upstream, "the name is not resolved yet", {}, true};
  if (!endpoints_.empty())
    return Error{Reason::no_endpoint, Fault::upstream, "no endpoint is healthy", {}, true};
  return Error{Reason::no_endpoint, Fault::upstream, "the cluster has no endpoint", {}, true};
}

// The first that all gates let pass, beginning with what the balancer would take.
Endpoint* Cluster::admitted(Endpoint& first, const Ask& ask, http::EndpointGate*& refused_by) {
  const auto is_admitted = [&](const Endpoint& endpoint) {
    http::EndpointGate* refuses = http::refusing(ask.gate, endpoint.text, loop().now());
    if (refuses) refused_by = refuses;
    return refuses == nullptr;
  };
  if (is_admitted(first)) return &first;
  const std::vector<Choice>& others = balancer_->choices().first;
  const std::size_t count = others.size();
  const std::size_t start = loop().random().below(count);
  Endpoint* last_resort = nullptr;
  for (std::size_t i = 0; i < count; ++i) {
    Endpoint& other = *others[(start + i) % count].endpoint;
    if (&other == &first) continue;
    if (&other == ask.avoid)
      last_resort = &other;
    else if (is_admitted(other))
      return &other;
  }
  return last_resort && is_admitted(*last_resort) ? last_resort : nullptr;
}

// --- what becomes of attempts ---

void Cluster::answered(Endpoint& endpoint, const http::Outcome& outcome, base::Reason told_by_proxy,
                       base::Duration took) {
  const Verdict verdict = verdict_of(outcome, told_by_proxy);
  if (verdict == Verdict::neither) return;
  if (config_.load_balancer == config::Balancing::ewma)
    endpoint.latency.observe(took, verdict == Verdict::failure, loop().now());
  if (verdict == Verdict::success) return endpoint.state->succeeded();
  failed(endpoint, in_words(outcome), false);
}

// Many exchanges may have waited for the one connect that failed.
void Cluster::refused(Endpoint& endpoint, base::Reason why) {
  const Outage* outage = endpoint.outage();
  if (!outage || std::exchange(endpoint.refused_at, outage->failed_at()) == outage->failed_at())
    return;
  pools_->state().still_unreachable(*endpoint.state, outage->error(), loop().now());
  failed(endpoint, std::string(base::to_string(why)), true);
}

void Cluster::failed(Endpoint& endpoint, std::string what, bool was_unreachable) {
  pools_->state().failed({*endpoint.state, std::move(what), was_unreachable}, config_.outlier,
                         states_, loop().now(), loop().random());
}

void Cluster::choose_anew() {
  ClusterState& state = pools_->state();
  if (loop().now() >= choices_hold_until_) state.settle(loop().now());
  seen_ = state.revision();
  Choices choices = choices_of(endpoints_, rules_, loop().now());
  choices_hold_until_ = choices.until;
  balancer_->reset(std::move(choices), table_);
  if (is_reachable()) wake(held_);
}

// A number that the balancer maps to this endpoint, found by trying: that takes as many draws as
// there are endpoints, on average.
std::uint64_t Cluster::pin_to(const Endpoint& endpoint) {
  constexpr int most_draws = 1000;
  const std::vector<Choice>& first = balancer_->choices().first;
  const auto is_it = [&](const Choice& choice) { return choice.endpoint == &endpoint; };
  if (std::none_of(first.begin(), first.end(), is_it)) return loop().random().next();
  std::uint64_t pin = 0;
  for (int i = 0; i < most_draws; ++i) {
    pin = loop().random().next();
    const Ask ask{nullptr, nullptr, Affinity::hash_of_pin(pin)};
    if (balancer_->pick(ask, loop().random()) == &endpoint) break;
  }
  return pin;
}

// --- holding exchanges ---

void Cluster::on_reachability() {
  choose_anew();
}

// The first choice can be connected to, or none can: choices_of() leaves the others out.
bool Cluster::is_reachable() const {
  const std::vector<Choice>& choices = balancer_->choices().first;
  return !choices.empty() && choices.front().endpoint->is_reachable;
}

// An error that lasts, such as a wrong certificate, is not waited out.
Time Cluster::held_until() const {
  Time until = Time::min();
  for (const Choice& choice : balancer_->choices().first) {
    const Outage* outage = choice.endpoint->outage();
    if (outage && !outage->error().lasting)
      until = std::max(until, outage->since() + config_.pool.hold);
  }
  return until;
}

Task<bool> Cluster::reachable(Time until) {
  if (held_count_ >= config_.pool.pending) co_return false;
  Waiter waiter(loop());
  const Counting counting(held_count_);
  held_.push_back(waiter);
  co_return co_await waiter.event.wait(until);
}

void Cluster::wake(base::List<Waiter>& waiters) {
  while (Waiter* waiter = waiters.pop_front()) waiter->event.set();
}

// --- looking at it ---

ClusterSnapshot Cluster::snapshot() {
  follow_changes();
  ClusterSnapshot now;
  now.name = config().name;
  if (failure_) {
    now.failure = in_words(*failure_);
  } else if (!is_known_) {
    now.failure = "not resolved yet";
  }
  now.held = held_count_;
  for (const WeightedEndpoint& each : endpoints_) {
    EndpointSnapshot& seen = now.endpoints.emplace_back();
    seen.address = each.endpoint->text;
    seen.weight = each.weight;
    seen.zone = each.zone;
    seen.health = health_of(*each.endpoint->state, loop().now());
    if (each.endpoint->state->is_ejected())
      seen.ejected_for = std::max(each.endpoint->state->ejected_until() - loop().now(), {});
    seen.failure = pools_->state().refusal_of(*each.endpoint->state, loop().now());
    if (const Outage* outage = each.endpoint->outage()) seen.failure = in_words(outage->error());
    seen.pool = each.endpoint->snapshot();
  }
  now.is_panicking = balancer_->choices().is_panicking;
  return now;
}

}  // namespace upstream
