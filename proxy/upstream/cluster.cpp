#include "proxy/upstream/cluster.hpp"

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

}  // namespace

Cluster::Cluster(base::Ref<EndpointPools> pools, const config::Cluster& config)
    : pools_(std::move(pools)), config_(config), balancer_(config.load_balancer) {
  pools_->watch(*this);
}

Cluster::~Cluster() = default;

void Cluster::publish(const EndpointSet& set) {
  Endpoints next;
  for (const auto& [address, weight, priority] : set.addresses)
    next.push_back({pools_->at(address), weight, priority});
  balancer_.reset(next);
  endpoints_ = std::move(next);  // lets go of what is not among them
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
  http::EndpointGate* refused_by = nullptr;
  Endpoint* endpoint = balancer_.pick(ask, loop().random());
  if (endpoint && ask.gate) endpoint = admitted(*endpoint, ask, refused_by);
  if (endpoint) return endpoint;
  if (refused_by) return refused_by->refusal();
  if (failure_) return *failure_;
  if (!is_known_)
    return Error{Reason::dns_failure, Fault::upstream, "the name is not resolved yet", {}, true};
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
  const std::size_t count = balancer_.size();
  const std::size_t start = loop().random().below(count);
  Endpoint* last_resort = nullptr;
  for (std::size_t i = 0; i < count; ++i) {
    Endpoint& other = balancer_[(start + i) % count];
    if (&other == &first) continue;
    if (&other == ask.avoid)
      last_resort = &other;
    else if (is_admitted(other))
      return &other;
  }
  return last_resort && is_admitted(*last_resort) ? last_resort : nullptr;
}

// --- holding exchanges ---

void Cluster::on_reachability() {
  balancer_.reset(endpoints_);
  if (is_reachable()) wake(held_);
}

bool Cluster::is_reachable() const {
  return std::any_of(endpoints_.begin(), endpoints_.end(),
                     [](const WeightedEndpoint& each) { return each.endpoint->is_reachable; });
}

// What lasts is not waited for.
Time Cluster::held_until() const {
  Time until = Time::min();
  for (const auto& [endpoint, weight, priority] : endpoints_) {
    const Outage* outage = endpoint->outage();
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

ClusterSnapshot Cluster::snapshot() const {
  ClusterSnapshot now;
  now.name = config().name;
  if (failure_) {
    now.failure = failure_->detail;
    if (failure_->cause) now.failure += ": " + failure_->cause.message();
  } else if (!is_known_) {
    now.failure = "not resolved yet";
  }
  now.held = held_count_;
  for (const auto& [endpoint, weight, priority] : endpoints_)
    now.endpoints.push_back({endpoint->text, weight, false, endpoint->snapshot()});
  return now;
}

}  // namespace upstream
