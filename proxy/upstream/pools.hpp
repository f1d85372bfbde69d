// All pools of one worker; they outlive configurations. Destroyed after the worker's last exchange;
// its thread.
#pragma once

#include "proxy/base/log.hpp"
#include "proxy/net/handshake_turns.hpp"
#include "proxy/upstream/endpoint_pools.hpp"

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace upstream {

// How the pools of a cluster come by connections: see Dialer.
using MakeDialer = std::function<std::unique_ptr<Dialer>()>;
MakeDialer net_dialers(base::EventLoop& loop, net::HandshakeTurns& turns, base::Log& log);

class Pools {
 public:
  // states: shared with the other workers.
  Pools(base::Loop& loop, MakeDialer make_dialer,
        std::shared_ptr<ClusterStates> states = std::make_shared<ClusterStates>())
      : loop_(loop), make_dialer_(std::move(make_dialer)), states_(std::move(states)) {}

  // Those that suit this cluster: kept from an earlier configuration, or new. `tls` (null = clear)
  // and the limits hold for connections made from now on.
  base::Ref<EndpointPools> of(const config::Cluster& cluster, const config::Limits& limits,
                              std::shared_ptr<const certs::TlsContext> tls);
  // Frees what no generation uses and no exchange is left on.
  void sweep();
  // Forgets what was counted of clusters that neither these have nor any pool.
  void forget_all_but(const std::vector<config::Cluster>& clusters);
  // What pools of that cluster have counted that are no more.
  PoolCounts gone(const std::string& cluster) const;

  template <typename Visit> void each_of(std::string_view cluster, Visit visit) const {
    for (const EndpointPools& pools : all_)
      if (pools.cluster() == cluster) visit(pools);
  }

 private:
  base::Loop& loop_;
  const MakeDialer make_dialer_;
  const std::shared_ptr<ClusterStates> states_;
  std::list<EndpointPools> all_;
  std::map<std::string, PoolCounts> gone_;  // by cluster, of those that are not in all_ any more
};

}  // namespace upstream
