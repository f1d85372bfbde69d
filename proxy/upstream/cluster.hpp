// A named service as one worker sees it: its endpoints, their pools, the balancer between them. Owned
// by the worker's Clusters; its thread.
#pragma once

#include <memory>

#include "proxy/base/event.hpp"
#include "proxy/base/event_loop.hpp"
#include "proxy/base/task.hpp"
#include "proxy/upstream/balancer.hpp"
#include "proxy/upstream/endpoint.hpp"
#include "proxy/upstream/pool.hpp"
#include "proxy/upstream/snapshot.hpp"

namespace upstream {

class Cluster {
 public:
  Cluster(base::EventLoop& loop, PoolSetup setup);
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;
  ~Cluster();  // no exchange may be left

  const config::Cluster& config() const { return *setup_.cluster; }
  bool is_tls() const { return setup_.tls != nullptr; }
  base::EventLoop& loop() const { return loop_; }

  // From now on these. An address that stays keeps its pool; one that vanished takes no new exchange
  // and finishes its old ones.
  void publish(const EndpointSet& set);
  // Whether anything was published yet: names are resolved while the first exchanges come in.
  bool is_known() const { return is_known_; }
  // Waits for that, or for `until`.
  base::Task<> known(base::Time until);

  void renew_tls(std::shared_ptr<const certs::Context> tls) { setup_.tls = std::move(tls); }

  // Another than `avoid` if there is one. The error is dns_failure or no_endpoint.
  base::Result<Endpoint*> pick(const void* avoid);
  bool has_alternatives() const { return balancer_.has_alternatives(); }

  ClusterSnapshot snapshot() const;

 private:
  struct Waiter : base::Link {
    explicit Waiter(base::Loop& loop) : event(loop) {}
    base::Event event;
  };

  std::unique_ptr<Endpoint> take(const base::Address& address);
  void sweep();

  base::EventLoop& loop_;
  PoolSetup setup_;
  Balancer balancer_;
  Endpoints endpoints_;
  Endpoints vanished_;
  std::optional<base::Error> failure_;
  bool is_known_ = false;
  base::List<Waiter> waiting_;
};

}  // namespace upstream
