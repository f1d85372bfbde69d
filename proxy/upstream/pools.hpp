// All pools of one worker; they outlive configurations. Destroyed after the worker's last exchange;
// its thread.
#pragma once

#include "proxy/upstream/endpoint_pools.hpp"

#include <list>
#include <memory>
#include <string_view>

namespace upstream {

class Pools {
 public:
  explicit Pools(base::EventLoop& loop) : loop_(loop) {}

  // Those that serve this cluster: kept from an earlier configuration, or new. `tls` (null = clear)
  // and the limits hold for connections made from now on.
  base::Ref<EndpointPools> of(const config::Cluster& cluster, const config::Limits& limits,
                              std::shared_ptr<const certs::Context> tls);
  // Frees what no generation uses and no exchange is left on.
  void sweep();

  template <typename Visit> void each_of(std::string_view cluster, Visit visit) const {
    for (const EndpointPools& pools : all_)
      if (pools.cluster() == cluster) visit(pools);
  }

 private:
  base::EventLoop& loop_;
  std::list<EndpointPools> all_;
};

}  // namespace upstream
