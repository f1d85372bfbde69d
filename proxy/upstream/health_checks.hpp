// `health`: asks every endpoint of the clusters that want it, each on its own, and tells all
// workers by the shared state when enough answers in a row say otherwise than it did. An endpoint
// begins healthy; a reload that leaves its check alone changes nothing of it. Control's thread.
#pragma once

#include "proxy/base/event_loop.hpp"
#include "proxy/base/task_group.hpp"
#include "proxy/stats/registry.hpp"
#include "proxy/upstream/cluster_state.hpp"
#include "proxy/upstream/endpoint.hpp"
#include "proxy/upstream/health_probe.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace upstream {

// A cluster as it is now.
struct CheckedCluster {
  const config::Cluster& config;
  std::shared_ptr<const certs::TlsContext> tls;  // null = clear
  std::shared_ptr<const EndpointSet> endpoints;  // null = not known yet
};

// The state of one check. Pure.
class HealthCount {
 public:
  explicit HealthCount(bool is_healthy) : is_healthy_(is_healthy) {}
  // Whether it has become other than it was.
  bool changes(bool succeeded, const config::Health& rules);
  bool is_healthy() const { return is_healthy_; }

 private:
  bool is_healthy_;
  std::uint64_t contrary_ = 0;  // in a row
};

class HealthChecks {
 public:
  // All outlive it. shard: control's, in the metrics.
  HealthChecks(base::EventLoop& loop, ClusterStates& states, stats::Registry& metrics,
               std::size_t shard);
  ~HealthChecks();

  // From now on these; what is not among them any more counts as healthy.
  void follow(const std::vector<CheckedCluster>& clusters);
  // For checks made from now on.
  void renew_tls(const std::string& cluster, std::shared_ptr<const certs::TlsContext> tls);

 private:
  class Check;

  base::EventLoop& loop_;
  ClusterStates& states_;
  stats::Registry& metrics_;
  const std::size_t shard_;
  std::vector<std::unique_ptr<Check>> checks_;
};

}  // namespace upstream
