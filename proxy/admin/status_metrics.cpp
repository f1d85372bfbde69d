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

std::map<std::string_view, Connections> connections_of(std::size_t cluster,
                                                       const Snapshots& snapshots) {
  std::map<std::string_view, Connections> all;
  for (const auto& worker : snapshots) {
    if (cluster >= worker.size()) continue;
    for (const upstream::EndpointSnapshot& endpoint : worker[cluster].endpoints)
      for (const upstream::ConnectionSnapshot& connection : endpoint.pool.connections)
        ++(connection.streams > 0 ? all[connection.protocol].active
                                  : all[connection.protocol].idle);
  }
  return all;
}

}  // namespace

void append_pool_metrics(std::string& out, const server::Plan& plan, const Snapshots& snapshots) {
  constexpr std::string_view name = "outrider_pool_connections";
  head(out, name, "gauge", "Upstream connections.");
  for (std::size_t i = 0; i < plan.config->clusters.size(); ++i) {
    const std::string& cluster = plan.config->clusters[i].name;
    for (const auto& [protocol, count] : connections_of(i, snapshots)) {
      sample(out, name, {{"cluster", cluster}, {"protocol", protocol}, {"state", "active"}},
             count.active);
      sample(out, name, {{"cluster", cluster}, {"protocol", protocol}, {"state", "idle"}},
             count.idle);
    }
  }
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
  head(out, "outrider_access_log_dropped_total", "counter", "Lines that found no room.");
  sample(out, "outrider_access_log_dropped_total", {},
         static_cast<std::int64_t>(status.log_lines_dropped));
  head(out, "outrider_memory_bytes", "gauge", "Memory in use, as limits.memory counts it.");
  sample(out, "outrider_memory_bytes", {}, static_cast<std::int64_t>(status.memory_in_use));
  head(out, "outrider_memory_limit_bytes", "gauge",
       "limits.memory, or 90 % of the control group's.");
  sample(out, "outrider_memory_limit_bytes", {}, static_cast<std::int64_t>(status.memory_limit));
  head(out, "outrider_config_reload_success", "gauge", "Whether the configuration was taken.");
  sample(out, "outrider_config_reload_success", {}, 1);
}

}  // namespace admin
