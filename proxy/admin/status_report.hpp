// What the admin side says of pools and listeners, as JSON. Pure.
#pragma once

#include "filters/registry.hpp"
#include "proxy/server/plan.hpp"
#include "proxy/upstream/snapshot.hpp"

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace admin {

// By worker, then by cluster; a worker that did not answer has none.
using Snapshots = std::vector<std::vector<upstream::ClusterSnapshot>>;

// Null if there is none: the worker may be a reload behind.
const upstream::ClusterSnapshot* snapshot_of(std::string_view cluster,
                                             const std::vector<upstream::ClusterSnapshot>& worker);

using Breakers = std::vector<filters::BreakerStatus>;
// By cluster.
using Sources = std::map<std::string, upstream::DiscoverySource>;

struct ClustersSeen {
  Snapshots snapshots;
  Breakers breakers;
  Sources sources;
};

// Each cluster with its endpoints: sums over all workers, and what each worker has; and the
// breakers that stand elsewhere. `clock`: by which their times are told.
std::string clusters_json(const server::Plan& plan, const ClustersSeen& seen,
                          const base::Loop& clock);

struct ListenerStatus {
  std::int64_t exchanges = 0;  // in flight
  std::int64_t connections = 0;
  std::int64_t refused = 0;  // connections, by limits
  std::int64_t dropped = 0;  // datagrams
};

struct ProcessStatus {
  base::Duration uptime{};
  bool is_draining = false;
  std::size_t connections = 0;  // downstream
  std::size_t memory_in_use = 0;
  std::size_t memory_limit = 0;
  bool is_config_current = true;        // false: a reload was refused since it was taken
  base::Duration reload_took{};         // the last reload, taken or refused; 0 = there was none
  std::uint64_t config_taken_at = 0;    // seconds since 1970
  std::uint64_t log_lines_dropped = 0;  // of the access log
  std::uint64_t own_log_lines_dropped = 0;
  std::string version;
  // By place ("listener ingress"): when what is shown there expires, in seconds since 1970.
  std::vector<std::pair<std::string, std::int64_t>> certificates;
  std::vector<std::pair<std::string, std::uint64_t>> dns_failures;  // by cluster
  Sources discovery;
  std::string admin;                                                // address; "" = none
  std::vector<ListenerStatus> listeners;                            // in the order of the plan
};

// For Prometheus: pools as they are now, and what the process counts by itself.
void append_pool_metrics(std::string& out, const server::Plan& plan, const Snapshots& snapshots);
void append_breaker_metrics(std::string& out, const Breakers& breakers);
void append_listener_metrics(std::string& out, const server::Plan& plan,
                             const ProcessStatus& status);
void append_process_metrics(std::string& out, const ProcessStatus& status);

std::string stats_json(const server::Plan& plan, const ProcessStatus& status);

}  // namespace admin
