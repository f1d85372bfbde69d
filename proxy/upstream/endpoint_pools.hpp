// The endpoints of one cluster with their pools, as one worker has them: what outlives
// configurations. Kept by the cluster's name, its TLS, protocol and pool settings, and in it by
// address. Each generation's Cluster holds a reference and chooses among them. Owned by Pools; the
// worker's thread.
#pragma once

#include "proxy/upstream/endpoint.hpp"
#include "proxy/upstream/pool.hpp"
#include "proxy/upstream/snapshot.hpp"

#include <list>
#include <memory>
#include <vector>

namespace upstream {

class EndpointPools final : public base::Counted, Endpoint::Owner {
 public:
  EndpointPools(base::EventLoop& loop, const config::Cluster& cluster, const config::Limits& limits,
                std::shared_ptr<const certs::Context> tls);
  ~EndpointPools();  // no exchange may be left

  base::EventLoop& loop() const { return loop_; }
  const std::string& cluster() const { return settings_.name; }
  bool is_tls() const { return setup_.tls != nullptr; }
  // Whether a configuration with this cluster goes on using these pools.
  bool serves(const config::Cluster& cluster) const;
  // For connections made from now on, of a cluster that they serve.
  void renew(const config::Cluster& cluster, const config::Limits& limits,
             std::shared_ptr<const certs::Context> tls);
  void renew_tls(std::shared_ptr<const certs::Context> tls) { setup_.tls = std::move(tls); }

  // The one at this address; made if there is none.
  base::Ref<Endpoint> at(const base::Address& address);
  // Forgets those that have vanished and have nothing left to finish.
  void sweep();
  bool is_over() const { return !is_used() && endpoints_.empty() && vanished_.empty(); }

  // Those that the present configuration does not choose from, and that finish what they have.
  std::vector<EndpointSnapshot> others_than(const Endpoints& chosen) const;

 private:
  void unused() noexcept override {}  // Pools looks from time to time
  void on_unused(Endpoint& endpoint) noexcept override;

  base::EventLoop& loop_;
  config::Cluster settings_;  // a copy without filters: the configuration goes, the pools stay
  PoolSetup setup_;
  std::list<Endpoint> endpoints_;
  std::list<Endpoint> vanished_;
};

}  // namespace upstream
