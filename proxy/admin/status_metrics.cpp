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

// Exchanges of a cluster that wait for a connection.
std::int64_t pending_of(std::size_t cluster, const Snapshots& snapshots) {
  std::int64_t pending = 0;
  for (const auto& worker : snapshots) {
    if (cluster >= worker.size()) continue;
    for (const upstream::EndpointSnapshot& endpoint : worker[cluster].endpoints)
      pending += endpoint.pool.pending;
  }
  return pending;
}

// A metric without labels.
void single(std::string& out, std::string_view name, std::string_view type, std::string_view help,
            std::uint64_t value) {
  head(out, name, type, help);
  sample(out, name, {}, static_cast<std::int64_t>(value));
}

}  // namespace

void append_pool_metrics(std::string& out, const server::Plan& plan, const Snapshots& snapshots) {
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
  constexpr std::string_view pending = "outrider_pool_pending";
  head(out, pending, "gauge", "Exchanges that wait for a connection.");
  for (std::size_t i = 0; i < plan.config->clusters.size(); ++i)
    sample(out, pending, {{"cluster", plan.config->clusters[i].name}}, pending_of(i, snapshots));
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
  constexpr std::string_view expiry = "outrider_certificate_not_after_timestamp_seconds";
  head(out, expiry, "gauge", "When the certificate shown there expires, since 1970.");
  for (const auto& [place, at] : status.certificates) sample(out, expiry, {{"place", place}}, at);
}

}  // namespace admin
