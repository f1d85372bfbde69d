#include "proxy/upstream/cluster.hpp"

#include <algorithm>
#include <utility>

namespace upstream {

using base::Error;
using base::Fault;
using base::Reason;
using base::Result;

Cluster::Cluster(base::EventLoop& loop, PoolSetup setup)
    : loop_(loop), setup_(std::move(setup)), balancer_(setup_.cluster->load_balancer) {}

Cluster::~Cluster() = default;

void Cluster::publish(const EndpointSet& set) {
  Endpoints next;
  for (const Target& target : set.targets) {
    std::unique_ptr<Endpoint> endpoint = take(target.address);
    if (!endpoint) {
      endpoint = std::make_unique<Endpoint>(target);
      endpoint->pool =
          std::make_unique<Pool>(loop_, setup_, endpoint->address, endpoint->in_flight);
    }
    endpoint->weight = target.weight;
    next.push_back(std::move(endpoint));
  }
  for (auto& gone : endpoints_) {
    gone->pool->retire();
    vanished_.push_back(std::move(gone));
  }
  endpoints_ = std::move(next);
  balancer_.reset(endpoints_);
  failure_ = set.failure;
  is_known_ = true;
  sweep();
  while (Waiter* waiter = waiting_.pop_front()) waiter->event.set();
}

std::unique_ptr<Endpoint> Cluster::take(const base::Address& address) {
  const auto found = std::find_if(endpoints_.begin(), endpoints_.end(), [&](const auto& endpoint) {
    return endpoint->address == address;
  });
  if (found == endpoints_.end()) return nullptr;
  std::unique_ptr<Endpoint> taken = std::move(*found);
  endpoints_.erase(found);
  return taken;
}

void Cluster::sweep() {
  const auto is_over = [](const auto& endpoint) {
    return endpoint->users == 0 && endpoint->pool->is_empty();
  };
  vanished_.erase(std::remove_if(vanished_.begin(), vanished_.end(), is_over), vanished_.end());
}

base::Task<> Cluster::known(base::Time until) {
  Waiter waiter(loop_);
  waiting_.push_back(waiter);
  co_await waiter.event.wait(until);
}

Result<Endpoint*> Cluster::pick(const void* avoid) {
  if (Endpoint* endpoint = balancer_.pick(avoid, loop_.random())) return endpoint;
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
  for (const auto& endpoint : endpoints_)
    now.endpoints.push_back({endpoint->text, endpoint->weight, false, endpoint->pool->snapshot()});
  for (const auto& endpoint : vanished_)
    now.endpoints.push_back({endpoint->text, endpoint->weight, true, endpoint->pool->snapshot()});
  return now;
}

}  // namespace upstream
