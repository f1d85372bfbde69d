// The endpoints of one cluster with their pools, as one worker has them: what outlives
// configurations. Kept by the cluster's name, its TLS, protocol and pool settings, and in it by
// address. Each generation's Cluster holds a reference and chooses among them. Owned by Pools; the
// worker's thread.
#pragma once

#include "proxy/upstream/cluster_state.hpp"
#include "proxy/upstream/endpoint.hpp"
#include "proxy/upstream/pool.hpp"
#include "proxy/upstream/snapshot.hpp"

#include <list>
#include <memory>
#include <vector>

namespace upstream {

class EndpointPools final : public base::Counted, Endpoint::Owner, Pool::Owner {
 public:
  // Told when an endpoint can be connected to again, or not any more.
  class Watcher : public base::Link {
   public:
    virtual void on_reachability() = 0;

   protected:
    ~Watcher() = default;
  };

  EndpointPools(base::Loop& loop, std::unique_ptr<Dialer> dialer, const config::Cluster& cluster,
                const config::Limits& limits, std::shared_ptr<const certs::TlsContext> tls,
                std::shared_ptr<ClusterState> state);
  ~EndpointPools();  // no exchange may be left

  base::Loop& loop() const { return loop_; }
  Dialer& dialer() const { return *dialer_; }
  const std::string& cluster() const { return config_.name; }
  ClusterState& state() const { return *state_; }  // what all workers know of its endpoints
  void watch(Watcher& watcher) { watchers_.push_back(watcher); }
  // Whether a configuration with this cluster goes on using these pools.
  bool suit(const config::Cluster& cluster) const;
  // For connections made from now on, of a cluster that they suit.
  void renew(const config::Cluster& cluster, const config::Limits& limits,
             std::shared_ptr<const certs::TlsContext> tls);
  void renew_tls(std::shared_ptr<const certs::TlsContext> tls) {
    dialer_->renew_tls(std::move(tls));
  }

  // The one at this address; made if there is none.
  base::Ref<Endpoint> at(const base::Address& address);
  // Forgets those that have vanished and have nothing left to finish.
  void sweep();
  bool is_over() const { return !is_used() && endpoints_.empty() && vanished_.empty(); }

  // Those that the present configuration does not choose from, and that finish what they have.
  std::vector<EndpointSnapshot> others_than(const Endpoints& chosen) const;
  // What those have counted that were forgotten.
  const PoolCounts& gone() const { return gone_; }

 private:
  void unused() noexcept override {}  // Pools looks from time to time
  void on_unused(Endpoint& endpoint) noexcept override;
  void on_datagrams(Endpoint& endpoint, const base::Error* refusal) noexcept override;
  void on_reachability(bool is_seen) override;

  base::Loop& loop_;
  const std::unique_ptr<Dialer> dialer_;
  config::Cluster config_;  // a copy without filters: the configuration goes, the pools stay
  PoolSettings settings_;
  const std::shared_ptr<ClusterState> state_;
  base::List<Watcher> watchers_;
  std::list<Endpoint> endpoints_;
  std::list<Endpoint> vanished_;
  PoolCounts gone_;
};

}  // namespace upstream
