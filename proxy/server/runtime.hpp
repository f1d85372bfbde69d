// What one worker makes of the plan: clusters with their pools, filter chains, listeners. Made,
// used and destroyed in the worker's thread.
//
// The way of a request: the listener's filters, the router, the route's filters, the cluster's
// filters, upstream::Forward. Where no `timeout` stands on that way, the default one stands before
// the route's filters.
#pragma once

#include "proxy/observe/request_metrics.hpp"
#include "proxy/routing/route_handlers.hpp"
#include "proxy/server/attempt_counter.hpp"
#include "proxy/server/listener.hpp"
#include "proxy/server/plan.hpp"
#include "proxy/server/shared.hpp"
#include "proxy/upstream/clusters.hpp"

#include <memory>
#include <string>
#include <vector>

namespace server {

class Runtime {
 public:
  Runtime(base::EventLoop& loop, int worker, const Plan& plan, Shared& shared,
          const AllCounts& counts);
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  ~Runtime();

  upstream::Clusters& clusters() { return clusters_; }
  // By the listener's position in the plan.
  void set_tls(std::size_t listener, std::shared_ptr<const certs::Context> context);

  void accept(bool is_wanted);  // false: new connections wait in the kernel
  void drain(bool outbound);    // the listeners of that direction
  std::size_t cut();            // all exchanges that are left: how many
  bool is_idle() const;         // no connection is left, and all was sent

 private:
  struct ClusterChain {
    std::unique_ptr<AttemptCounter> attempts;
    std::unique_ptr<http::Chain> chain;
    bool has_timeout;
  };
  // The chain of one listener, from the outside in.
  struct ListenerChain {
    std::unique_ptr<routing::RouteHandler> routes;
    std::unique_ptr<http::Chain> chain;
  };

  using Filters = std::vector<std::unique_ptr<http::Filter>>;
  // place: "listener NAME", "route LISTENER/NAME" or "cluster NAME".
  Filters make_filters(const config::Filters& wanted, const std::string& place);
  void make_cluster_chains();
  ListenerChain make_listener_chain(const PlannedListener& listener);
  routing::RouteChain make_route_chain(const PlannedListener& listener, std::size_t route);
  std::unique_ptr<routing::TargetHandler> make_targets(const PlannedListener& listener,
                                                       const config::Route& route);
  Front front_of(const PlannedListener& listener, http::Handler& chain, ListenerCounts& counts);

  base::EventLoop& loop_;
  const int worker_;
  const Plan& plan_;
  Shared& shared_;
  net::Lingering lingering_;
  net::HandshakeTurns handshake_turns_;
  observe::RequestMetrics metrics_;
  upstream::Pools pools_;
  upstream::Clusters clusters_;
  std::vector<ClusterChain> cluster_chains_;  // in the order of the clusters
  std::vector<ListenerChain> chains_;         // in the order of the listeners
  std::vector<std::unique_ptr<Listener>> listeners_;
};

}  // namespace server
