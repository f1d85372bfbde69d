// A named service as one configuration describes it: which endpoints it has, and the balancer
// between them. Their pools it shares with the same cluster of other configurations. Owned by a
// generation's Clusters; the worker's thread.
#pragma once

#include "proxy/base/event.hpp"
#include "proxy/base/task.hpp"
#include "proxy/upstream/affinity.hpp"
#include "proxy/upstream/balancer.hpp"
#include "proxy/upstream/endpoint_pools.hpp"
#include "proxy/upstream/snapshot.hpp"

#include <memory>

namespace upstream {

class Cluster final : EndpointPools::Watcher {
 public:
  // The configuration outlives it. zone: our own.
  Cluster(base::Ref<EndpointPools> pools, const config::Cluster& config, std::string zone);
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

  // One of those that may be chosen now (see choices.hpp) and that the gates admit, another than
  // `avoid` if there is one. The error is dns_failure, no_endpoint or a gate's.
  base::Result<Endpoint*> pick(const Ask& ask);
  bool has_alternatives() const { return balancer_->has_alternatives(); }
  // What became of an attempt at this endpoint up to the response's head, which took so long.
  void answered(Endpoint& endpoint, const http::Outcome& outcome, base::Reason told_by_proxy,
                base::Duration took);
  // It could not be connected to.
  void refused(Endpoint& endpoint, base::Reason why);

  // `hash_on`; null = there is none.
  const Affinity* affinity() const { return affinity_ ? &*affinity_ : nullptr; }
  // Of a cookie whose bearer goes to this endpoint.
  std::uint64_t pin_to(const Endpoint& endpoint);

  // Some endpoint that may be chosen can be connected to, as far as is known.
  bool is_reachable() const;
  // If none can: until when exchanges are held, counted from the first refusal. The past: they are
  // not.
  base::Time held_until() const;
  // Holds an exchange until one can be connected to, or others were published: true. False: `until`
  // came first, or too many are held.
  base::Task<bool> reachable(base::Time until);

  const Endpoints& endpoints() const { return endpoints_; }
  ClusterSnapshot snapshot();  // of these endpoints

 private:
  struct Waiter : base::Link {
    explicit Waiter(base::Loop& loop) : event(loop) {}
    base::Event event;
  };

  Endpoint* admitted(Endpoint& first, const Ask& ask, http::EndpointGate*& refused_by);
  void failed(Endpoint& endpoint, std::string what, bool was_unreachable);
  void choose_anew();
  void follow_changes() {
    if (pools_->state().revision() != seen_ || loop().now() >= choices_hold_until_) choose_anew();
  }
  void on_reachability() override;
  static void wake(base::List<Waiter>& waiters);

  const base::Ref<EndpointPools> pools_;
  const config::Cluster& config_;
  const ChoiceRules rules_;
  const std::optional<Affinity> affinity_;
  const std::unique_ptr<Balancer> balancer_;
  Endpoints endpoints_;
  ClusterState::States states_;  // of those, in their order
  std::shared_ptr<const HashTable> table_;
  std::uint64_t seen_ = 0;  // revision of the state
  base::Time choices_hold_until_ = base::never;
  std::optional<base::Error> failure_;
  bool is_known_ = false;
  base::List<Waiter> waiting_;  // for endpoints
  base::List<Waiter> held_;     // until one can be connected to
  std::uint32_t held_count_ = 0;
};

}  // namespace upstream
