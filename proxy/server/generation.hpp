// What one worker makes of one configuration: clusters, filter chains, routers, the options of its
// listeners. Nothing in it changes but the endpoints that names stand for. The worker's runtime
// keeps the present one; each exchange keeps the one it began with to its end. One that nobody
// keeps is destroyed as soon as no coroutine is on the stack. Owned by the runtime; the worker's
// thread.
//
// The way of a request: the listener's filters, the router, the route's filters, the cluster's
// filters, upstream::Forward. What there may be thousands of, the routes' chains, is built and
// destroyed a part at a time, so that the traffic has its turns between. Where no `timeout` stands on
// that way, the default one stands before the route's filters.
#pragma once

#include "filters/registry.hpp"
#include "proxy/base/counted.hpp"
#include "proxy/base/executor.hpp"
#include "proxy/observe/request_metrics.hpp"
#include "proxy/routing/route_handlers.hpp"
#include "proxy/server/attempt_counter.hpp"
#include "proxy/server/listener_policy.hpp"
#include "proxy/server/mirrors.hpp"
#include "proxy/server/plan.hpp"
#include "proxy/server/shared.hpp"
#include "proxy/upstream/clusters.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace server {

// What a worker lends to its generations; outlives them.
struct WorkerParts {
  base::Loop& loop;
  base::Executor* const executor;  // for what blocks; null = it is done in place
  const std::size_t index;
  Shared& shared;
  upstream::Pools& pools;
  AllLostClients& lost_clients;
  Mirrors& mirrors;
};

class Generation final : public base::Counted, base::Reapable, filters::Surroundings {
 public:
  class Owner {
   public:
    // Nobody keeps it: destroys it.
    virtual void on_over(Generation& generation) noexcept = 0;

   protected:
    ~Owner() = default;
  };

  Generation(const WorkerParts& worker, std::shared_ptr<const Plan> plan, Owner& owner);
  ~Generation();

  // Builds some more of it. True: it is complete, and may be used.
  bool build();
  // Destroys some of it, when nobody keeps it any more. True: little is left.
  bool dismantle() noexcept;

  const Plan& plan() const { return *plan_; }
  // By the listener's position in the plan.
  const ListenerPolicy& policy(std::size_t listener) const { return listeners_[listener]->policy; }
  upstream::Clusters& clusters() { return clusters_; }

 private:
  // What routes, mirrors and filters refer to where the configuration names a cluster.
  struct ClusterChain {
    ClusterChain(const config::Cluster& cluster, http::Handler& forward, stats::Registry& metrics,
                 std::size_t shard)
        : config(cluster), attempts(cluster.name, forward, metrics, shard) {}
    const config::Cluster& config;
    AttemptCounter attempts;
    std::unique_ptr<http::Chain> chain;
    std::unique_ptr<http::Chain> shadow;  // see shadow_of(); null = nothing is copied to it
    bool has_timeout = false;
  };
  // The chain of one listener, from the outside in.
  struct ListenerChain {
    std::unique_ptr<routing::RouteHandler> routes;
    std::unique_ptr<http::Chain> chain;
    ListenerPolicy policy;
  };

  using Filters = std::vector<std::unique_ptr<http::Filter>>;
  // place: its name. without: a kind that is left out.
  Filters make_filters(const config::Filters& wanted, const std::string& place,
                       std::string_view without = {});
  void make_cluster_chains();
  std::unique_ptr<ListenerChain> make_listener_chain(const PlannedListener& listener);
  bool build_routes(std::size_t listener, std::size_t& left);
  std::shared_ptr<const routing::RouteChain> make_route_chain(const PlannedListener& listener,
                                                              std::size_t route);
  Filters make_route_filters(const PlannedListener& listener, const config::Route& route);
  // Of a cluster that copies of requests go to: without its `retry`, always bounded in time.
  http::Handler& shadow_of(ClusterChain& cluster);
  std::unique_ptr<routing::ClusterHandler> make_cluster_handler(const PlannedListener& listener,
                                                                const config::Route& route);
  ClusterChain& cluster(std::string_view name);
  observe::Tracer* tracer() const;  // null = there are no traces
  ListenerPolicy policy_of(const PlannedListener& listener, http::Handler& chain);

  http::Handler& chain_of(std::string_view cluster) override;
  std::uint32_t memory_in_use() const override;

  void unused() noexcept override { worker_.loop.reap_later(*this); }
  void reap() noexcept override { owner_.on_over(*this); }

  const WorkerParts& worker_;
  const std::shared_ptr<const Plan> plan_;
  Owner& owner_;
  stats::Gauge& alive_;
  observe::RequestMetrics metrics_;  // knows names by where they lie in this very configuration
  upstream::Clusters clusters_;
  std::unordered_map<std::string_view, ClusterChain> cluster_chains_;  // by name
  std::vector<std::unique_ptr<ListenerChain>> listeners_;  // in the order of the plan
  std::size_t building_ = 0;    // the listener whose routes are next
  // Of that one, by cluster.
  std::unordered_map<std::string_view, std::shared_ptr<const routing::RouteChain>> plain_;
};

}  // namespace server
