// What control says of the process on the admin side.
#include "filters/registry.hpp"
#include "proxy/admin/requests_report.hpp"
#include "proxy/process/control.hpp"
#include "proxy/process/resources.hpp"
#include "proxy/server/runtime.hpp"

namespace process {
namespace {

// Percent of the places for series that what has not happened yet may fill.
constexpr std::size_t most_for_clusters = 50;
constexpr std::size_t most_for_routes = 75;
constexpr base::Millis longest_report{2'000};  // of a worker that is asked for its state

}  // namespace

// What the workers answer; outlives whoever asked.
struct Control::Gathering {
  Gathering(base::Loop& loop, std::size_t workers)
      : all_came(loop), missing(workers), by_worker(workers) {}
  base::Event all_came;
  std::size_t missing;
  admin::Snapshots by_worker;
};

base::Task<admin::Snapshots> Control::snapshots() {
  const auto gathering = std::make_shared<Gathering>(loop_, workers_.size());
  for (std::size_t i = 0; i < workers_.size(); ++i)
    workers_[i]->post([this, gathering, i](server::Runtime& runtime) {
      loop_.post([gathering, i, snapshot = runtime.clusters()] {
        gathering->by_worker[i] = snapshot;
        if (--gathering->missing == 0) gathering->all_came.set();
      });
    });
  const bool has_all = co_await gathering->all_came.wait(loop_.now() + longest_report);
  if (!has_all) log_.warning("a worker did not say what it has");
  co_return gathering->by_worker;
}

base::Task<std::string> Control::clusters() {
  admin::ClustersSeen seen;
  seen.snapshots = co_await snapshots();
  seen.breakers = filters::breakers(shared_.filter_state, loop_.now());
  seen.sources = discovery_->sources();
  co_return admin::clusters_json(*plan_, seen, loop_);
}

base::Task<std::string> Control::metrics() {
  const admin::Snapshots all = co_await snapshots();
  for (const auto& exporter : exporters_) exporter->look();
  std::string text = shared_.metrics.render();
  admin::append_pool_metrics(text, *plan_, all);
  admin::append_breaker_metrics(text, filters::breakers(shared_.filter_state, loop_.now()));
  const admin::ProcessStatus now = status();
  admin::append_listener_metrics(text, *plan_, now);
  admin::append_process_metrics(text, now);
  co_return text + process_metrics();
}

admin::ProcessStatus Control::status() const {
  admin::ProcessStatus status;
  status.uptime = loop_.now() - started_;
  status.is_draining = is_draining_;
  status.is_config_current = is_config_current_;
  status.reload_took = reload_took_;
  status.connections = shared_.admission.connections();
  status.memory_in_use = shared_.admission.memory_in_use();
  status.memory_limit = shared_.admission.memory_limit();
  status.version = OUTRIDER_VERSION;
  status.config_taken_at =
      static_cast<std::uint64_t>(std::chrono::system_clock::to_time_t(loop_.wall(config_taken_)));
  status.certificates = certificates_.expiries();
  status.dns_failures.assign(discovery_->failures().begin(), discovery_->failures().end());
  status.discovery = discovery_->sources();
  status.own_log_lines_dropped = log_.dropped();
  status.log_lines_dropped = plan_->access_log ? plan_->access_log->dropped() : 0;
  if (admin_) status.admin = admin_->address().to_string();
  status.listeners.resize(plan_->listeners.size());
  for (std::size_t i = 0; i < status.listeners.size(); ++i)
    for (std::size_t worker = 0; worker < workers_.size(); ++worker) {
      const server::ListenerCounts& counts = plan_->listeners[i].counts[worker];
      status.listeners[i].exchanges += counts.exchanges.load();
      status.listeners[i].connections += counts.connections.load();
      status.listeners[i].refused += counts.refused.load();
      status.listeners[i].dropped += counts.dropped.load();
    }
  return status;
}

std::string Control::requests(const std::string& id) {
  return admin::requests_json(*plan_, shared_.spectators.recent, id);
}

std::string Control::stats() {
  return admin::stats_json(*plan_, status());
}

// A series that is not there yet cannot rise. Where clusters or routes are very many, some are left
// out: the other places are for what is used.
void Control::expect_series() {
  for (const config::Cluster& cluster : plan_->config->clusters)
    if (shared_.metrics.is_filled_below(most_for_clusters)) {
      server::AttemptCounter::expect(shared_.metrics, cluster.name);
      filters::expect_retries(cluster.filters, shared_.metrics, cluster.name);
    }
  for (const config::Listener& listener : plan_->config->listeners)
    for (const config::Route& route : listener.routes)
      if (shared_.metrics.is_filled_below(most_for_routes)) expect_series(listener, route);
}

void Control::expect_series(const config::Listener& listener, const config::Route& route) {
  if (route.to.empty())
    observe::RequestMetrics::expect(shared_.metrics, listener.name, route.name, "");
  for (const config::Share& share : route.to) {
    observe::RequestMetrics::expect(shared_.metrics, listener.name, route.name, share.cluster);
    filters::expect_retries(listener.filters, shared_.metrics, share.cluster);
    filters::expect_retries(route.filters, shared_.metrics, share.cluster);
  }
}

}  // namespace process
