// A named service as one configuration describes it: which endpoints it has, and the balancer
// between them. Their pools it shares with the same cluster of other configurations. Owned by a
// generation's Clusters; the worker's thread.
#pragma once

#include "proxy/base/event.hpp"
#include "proxy/base/task.hpp"
#include "proxy/upstream/balancer.hpp"
#include "proxy/upstream/endpoint_pools.hpp"
#include "proxy/upstream/snapshot.hpp"

#include <memory>

namespace upstream {

class Cluster final : EndpointPools::Watcher {
 public:
  // The configuration outlives it.
  Cluster(base::Ref<EndpointPools> pools, const config::Cluster& config);
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;
  ~Cluster();  // no exchange may be left

  const config::Cluster& config() const { return config_; }
  EndpointPools& pools() const { return *pools_; }
  // Its endpoints prove who they are.
  bool is_verified() const { return config_.tls && !config_.tls->insecure; }
  base::Loop& loop() const { return pools_->loop(); }

  // From now on these. An address that stays keeps its pool; one that no configuration names any
  // more takes no new exchange and finishes its old ones.
  void publish(const EndpointSet& set);
  // Whether anything was published yet: names are resolved while the first exchanges come in.
  bool is_known() const { return is_known_; }
  // Waits for that, for as long as a question takes, or until `until`.
  base::Task<> known(base::Time until);

  // One that can be connected to if there is one, and another than `avoid` if there is one, of those
  // that the gates admit. The error is dns_failure, no_endpoint or a gate's.
  base::Result<Endpoint*> pick(const Ask& ask);
  bool has_alternatives() const { return balancer_.has_alternatives(); }

  // Some endpoint can be connected to, as far as is known.
  bool is_reachable() const;
  // If none can: until when exchanges are held, counted from the first refusal. The past: they are
  // not.
  base::Time held_until() const;
  // Holds an exchange until one can be connected to, or others were published: true. False: `until`
  // came first, or too many are held.
  base::Task<bool> reachable(base::Time until);

  const Endpoints& endpoints() const { return endpoints_; }
  ClusterSnapshot snapshot() const;  // of these endpoints

 private:
  struct Waiter : base::Link {
    explicit Waiter(base::Loop& loop) : event(loop) {}
    base::Event event;
  };

  Endpoint* admitted(Endpoint& first, const Ask& ask, http::EndpointGate*& refused_by);
  void on_reachability() override;
  static void wake(base::List<Waiter>& waiters);

  const base::Ref<EndpointPools> pools_;
  const config::Cluster& config_;
  Balancer balancer_;
  Endpoints endpoints_;
  std::optional<base::Error> failure_;
  bool is_known_ = false;
  base::List<Waiter> waiting_;  // for endpoints
  base::List<Waiter> held_;     // until one can be connected to
  std::uint32_t held_count_ = 0;
};

}  // namespace upstream
