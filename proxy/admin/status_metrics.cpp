#include "proxy/admin/status_report.hpp"
#include "proxy/stats/registry.hpp"

#include <map>

namespace admin {
namespace {

void head(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  out.append("# HELP ").append(name).append(" ").append(help);
  out.append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
}

void sample(std::string& out, std::string_view name, const stats::Labels& labels,
            std::int64_t value) {
  out.append(name).append(stats::render_labels(labels)).append(" ");
  out.append(std::to_string(value)).append("\n");
}

// Connections of a cluster by protocol: idle ones, and all.
struct Connections {
  std::int64_t idle = 0;
  std::int64_t active = 0;
};

std::map<std::string_view, Connections> connections_of(std::string_view name,
                                                       const Snapshots& snapshots) {
  std::map<std::string_view, Connections> all = {{"http1", {}}, {"h2", {}}};
  for (const auto& worker : snapshots) {
    const upstream::ClusterSnapshot* cluster = snapshot_of(name, worker);
    if (!cluster) continue;
    for (const upstream::EndpointSnapshot& endpoint : cluster->endpoints)
      for (const upstream::ConnectionSnapshot& connection : endpoint.pool.connections)
        ++(connection.streams > 0 ? all[connection.protocol].active
                                  : all[connection.protocol].idle);
  }
  return all;
}

// A cluster as all workers see it: sums.
struct ClusterSum {
  upstream::PoolCounts counts;
  std::int64_t pending = 0;
  std::int64_t connecting = 0;
  std::int64_t tunnels = 0;
  std::int64_t held = 0;
};

ClusterSum sum_of(std::string_view name, const Snapshots& snapshots) {
  ClusterSum sum;
  for (const auto& worker : snapshots) {
    const upstream::ClusterSnapshot* cluster = snapshot_of(name, worker);
    if (!cluster) continue;
    sum.counts += cluster->gone;
    sum.held += cluster->held;
    for (const upstream::EndpointSnapshot& endpoint : cluster->endpoints) {
      sum.counts += endpoint.pool;
      sum.pending += endpoint.pool.pending;
      sum.connecting += endpoint.pool.connecting;
      sum.tunnels += endpoint.pool.tunnels;
    }
  }
  return sum;
}

using ClusterSums = std::vector<std::pair<std::string_view, ClusterSum>>;

// One series a cluster.
template <typename ValueOf>
void by_cluster(std::string& out, std::string_view name, std::string_view type,
                std::string_view help, const ClusterSums& sums, ValueOf value_of) {
  head(out, name, type, help);
  for (const auto& [cluster, sum] : sums)
    sample(out, name, {{"cluster", cluster}}, static_cast<std::int64_t>(value_of(sum)));
}

void append_connect_failures(std::string& out, const ClusterSums& sums) {
  constexpr std::string_view name = "outrider_pool_connect_failures_total";
  head(out, name, "counter", "Connects that failed, by why.");
  for (const auto& [cluster, sum] : sums) {
    const upstream::PoolCounts& counts = sum.counts;
    const auto add = [&, cluster = cluster](std::string_view reason, std::uint64_t count) {
      sample(out, name, {{"cluster", cluster}, {"reason", reason}},
             static_cast<std::int64_t>(count));
    };
    add("connect_failure", counts.connect_failures - counts.connect_timeouts - counts.tls_failures);
    add("connect_timeout", counts.connect_timeouts);
    add("tls_failure", counts.tls_failures);
  }
}

// Endpoints by health, which all workers see alike: as the first tells it that has answered.
void append_endpoints(std::string& out, const server::Plan& plan, const Snapshots& snapshots) {
  constexpr std::string_view name = "outrider_endpoints";
  head(out, name, "gauge", "Endpoints, by their health.");
  for (const config::Cluster& cluster : plan.config->clusters) {
    std::map<std::string_view, std::int64_t> counts = {
        {"healthy", 0}, {"unhealthy", 0}, {"unreachable", 0}, {"ejected", 0}};
    for (const auto& worker : snapshots) {
      const upstream::ClusterSnapshot* seen = snapshot_of(cluster.name, worker);
      if (!seen) continue;
      for (const upstream::EndpointSnapshot& endpoint : seen->endpoints)
        if (!endpoint.is_vanished) ++counts[endpoint.health];
      break;
    }
    for (const auto& [health, count] : counts)
      sample(out, name, {{"cluster", cluster.name}, {"health", health}}, count);
  }
}

std::string decimal_seconds(base::Duration duration) {
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  std::string fraction = std::to_string(micros % 1'000'000);
  fraction.insert(0, 6 - fraction.size(), '0');
  return std::to_string(micros / 1'000'000) + '.' + fraction;
}

// A metric without labels.
void single(std::string& out, std::string_view name, std::string_view type, std::string_view help,
            std::uint64_t value) {
  head(out, name, type, help);
  sample(out, name, {}, static_cast<std::int64_t>(value));
}

}  // namespace

void append_pool_metrics(std::string& out, const server::Plan& plan, const Snapshots& snapshots) {
  append_endpoints(out, plan, snapshots);
  constexpr std::string_view name = "outrider_pool_connections";
  head(out, name, "gauge", "Upstream connections.");
  for (std::size_t i = 0; i < plan.config->clusters.size(); ++i) {
    const std::string& cluster = plan.config->clusters[i].name;
    for (const auto& [protocol, count] : connections_of(cluster, snapshots)) {
      sample(out, name, {{"cluster", cluster}, {"protocol", protocol}, {"state", "active"}},
             count.active);
      sample(out, name, {{"cluster", cluster}, {"protocol", protocol}, {"state", "idle"}},
             count.idle);
    }
  }
  ClusterSums sums;
  for (const config::Cluster& cluster : plan.config->clusters)
    sums.emplace_back(cluster.name, sum_of(cluster.name, snapshots));
  by_cluster(out, "outrider_pool_pending", "gauge", "Exchanges that wait for a connection.", sums,
             [](const ClusterSum& sum) { return sum.pending; });
  by_cluster(out, "outrider_pool_held", "gauge",
             "Exchanges that wait until an endpoint can be connected to.", sums,
             [](const ClusterSum& sum) { return sum.held; });
  by_cluster(out, "outrider_pool_connecting", "gauge", "Connects under way.", sums,
             [](const ClusterSum& sum) { return sum.connecting; });
  by_cluster(out, "outrider_pool_tunnels", "gauge", "Connections that are tunnels.", sums,
             [](const ClusterSum& sum) { return sum.tunnels; });
  by_cluster(out, "outrider_pool_connects_total", "counter", "Connections made.", sums,
             [](const ClusterSum& sum) { return sum.counts.connects; });
  append_connect_failures(out, sums);
  by_cluster(out, "outrider_pool_full_total", "counter",
             "Exchanges refused because too many waited, or one for too long.", sums,
             [](const ClusterSum& sum) { return sum.counts.refused; });
}

void append_breaker_metrics(std::string& out, const Breakers& breakers) {
  head(out, "outrider_breaker_state", "gauge", "0 closed, 1 open, 2 half-open.");
  for (const filters::BreakerStatus& breaker : breakers)
    sample(out, "outrider_breaker_state", {{"place", breaker.place}},
           breaker.state == "closed" ? 0
           : breaker.state == "open" ? 1
                                     : 2);
}

void append_listener_metrics(std::string& out, const server::Plan& plan,
                             const ProcessStatus& status) {
  head(out, "outrider_requests_in_flight", "gauge", "Exchanges under way.");
  for (std::size_t i = 0; i < plan.listeners.size(); ++i)
    sample(out, "outrider_requests_in_flight", {{"listener", plan.listeners[i].config->name}},
           status.listeners[i].exchanges);
  head(out, "outrider_downstream_connections", "gauge", "Connections of clients.");
  for (std::size_t i = 0; i < plan.listeners.size(); ++i)
    sample(out, "outrider_downstream_connections", {{"listener", plan.listeners[i].config->name}},
           status.listeners[i].connections);
  head(out, "outrider_connections_refused_total", "counter", "Connections beyond a limit.");
  for (std::size_t i = 0; i < plan.listeners.size(); ++i)
    sample(out, "outrider_connections_refused_total",
           {{"listener", plan.listeners[i].config->name}}, status.listeners[i].refused);
  head(out, "outrider_datagrams_dropped_total", "counter",
       "Datagrams of clients that had no session and got none, or that a full queue did not take.");
  for (std::size_t i = 0; i < plan.listeners.size(); ++i)
    if (plan.listeners[i].carries_datagrams())
      sample(out, "outrider_datagrams_dropped_total",
             {{"listener", plan.listeners[i].config->name}}, status.listeners[i].dropped);
}

void append_process_metrics(std::string& out, const ProcessStatus& status) {
  head(out, "outrider_build_info", "gauge", "What is running; always 1.");
  sample(out, "outrider_build_info", {{"version", status.version}}, 1);
  single(out, "outrider_access_log_dropped_total", "counter",
         "Lines of the access log that found no room or that its destination refused.",
         status.log_lines_dropped);
  single(out, "outrider_log_dropped_total", "counter",
         "Lines of the process's own log that its destination did not take.",
         status.own_log_lines_dropped);
  single(out, "outrider_memory_bytes", "gauge", "Memory in use, as limits.memory counts it.",
         status.memory_in_use);
  single(out, "outrider_memory_limit_bytes", "gauge",
         "limits.memory, or 90 % of the control group's.", status.memory_limit);
  single(out, "outrider_config_reload_success", "gauge",
         "Whether the last configuration that was offered is in force.",
         status.is_config_current ? 1 : 0);
  single(out, "outrider_config_last_reload_success_timestamp_seconds", "gauge",
         "When the configuration in force was taken, since 1970.", status.config_taken_at);
  constexpr std::string_view took = "outrider_config_last_reload_duration_seconds";
  head(out, took, "gauge", "How long the last reload took, taken or refused; 0 = there was none.");
  out.append(took).append(" ").append(decimal_seconds(status.reload_took)).append("\n");
  constexpr std::string_view dns = "outrider_dns_failures_total";
  head(out, dns, "counter", "Names that could not be resolved when they were asked for.");
  for (const auto& [cluster, count] : status.dns_failures)
    sample(out, dns, {{"cluster", cluster}}, static_cast<std::int64_t>(count));
  constexpr std::string_view discovery = "outrider_discovery_success";
  head(out, discovery, "gauge",
       "Whether the discovery file or SRV records could be used when they were last looked at.");
  for (const auto& [cluster, source] : status.discovery)
    sample(out, discovery, {{"cluster", cluster}}, source.is_good ? 1 : 0);
  constexpr std::string_view expiry = "outrider_certificate_not_after_timestamp_seconds";
  head(out, expiry, "gauge", "When the certificate shown there expires, since 1970.");
  for (const auto& [place, at] : status.certificates) sample(out, expiry, {{"place", place}}, at);
}

}  // namespace admin
