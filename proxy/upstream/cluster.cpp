#include "proxy/upstream/cluster.hpp"

#include <algorithm>
#include <utility>

namespace upstream {

using base::Error;
using base::Fault;
using base::Reason;
using base::Result;

Cluster::Cluster(base::Ref<EndpointPools> pools, const config::Cluster& config)
    : pools_(std::move(pools)), config_(config), balancer_(config.load_balancer) {}

Cluster::~Cluster() = default;

void Cluster::publish(const EndpointSet& set) {
  Endpoints next;
  for (const Target& target : set.targets)
    next.push_back({pools_->at(target.address), target.weight});
  balancer_.reset(next);
  endpoints_ = std::move(next);  // lets go of what is not among them
  pools_->sweep();
  failure_ = set.failure;
  is_known_ = true;
  while (Waiter* waiter = waiting_.pop_front()) waiter->event.set();
}

base::Task<> Cluster::known(base::Time until) {
  Waiter waiter(loop());
  waiting_.push_back(waiter);
  co_await waiter.event.wait(until);
}

Result<Endpoint*> Cluster::pick(const void* avoid) {
  if (Endpoint* endpoint = balancer_.pick(avoid, loop().random())) return endpoint;
  if (failure_) return *failure_;
  if (!is_known_)
    return Error{Reason::dns_failure, Fault::upstream, "the name is not resolved yet", {}, true};
  return Error{Reason::no_endpoint, Fault::upstream, "the cluster has no endpoint", {}, true};
}

ClusterSnapshot Cluster::snapshot() const {
  ClusterSnapshot now;
  now.name = config().name;
  if (failure_) {
    now.failure = failure_->detail;
    if (failure_->cause) now.failure += ": " + failure_->cause.message();
  } else if (!is_known_) {
    now.failure = "not resolved yet";
  }
  for (const auto& [endpoint, weight] : endpoints_)
    now.endpoints.push_back({endpoint->text, weight, false, endpoint->pool->snapshot()});
  return now;
}

}  // namespace upstream
