// How control goes over to a configuration: everything that can fail first, beside the one in
// force, then one step in each worker.
#include "config/place_name.hpp"
#include "proxy/process/control.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace process {
namespace {

constexpr base::Millis longest_swap{2'000};  // of a worker that is busy
constexpr base::Millis longest_farewell{10'000};  // to a collector that another one follows

std::string joined(const std::vector<std::string>& problems) {
  std::string text;
  for (const std::string& problem : problems) {
    if (!text.empty()) text += '\n';
    text += problem;
  }
  return text;
}

}  // namespace

// What the workers go over to, and how many have not yet; outlives whoever waits.
struct Control::Steps {
  Steps(base::Loop& loop, std::size_t workers) : all_taken(loop), missing(workers) {}
  server::Planned planned;
  Logs logs;
  base::Event all_taken;
  std::size_t missing;
};

// In this order: what is bound is told to nobody if a later step fails, so binding is the last.
Control::Prepared Control::prepare(server::Plan& plan, Logs logs) {
  Prepared made;
  made.problem = std::move(logs.problem);
  made.log = std::move(logs.own);
  if (made.problem.empty()) made.problem = grant_admin(*plan_->config, *plan.config);
  if (!made.problem.empty()) return made;
  server::ListeningSockets::Binding bound = sockets_.bind(plan, gate_.is_open());
  made.problem = std::move(bound.problem);
  if (!made.problem.empty()) grant_admin(*plan.config, *plan_->config);
  made.sockets = std::move(bound.by_worker);
  made.unused = std::move(bound.unused);
  return made;
}

// Who may connect to the admin side's path, which stays: "" or why it cannot be granted.
std::string Control::grant_admin(const config::Config& before, const config::Config& now) const {
  if (!before.admin || !now.admin) return {};
  const base::Result<void> granted =
      net::grant_anew(now.admin->bind, {before.admin->mode, before.admin->owner},
                      {now.admin->mode, now.admin->owner});
  if (granted) return {};
  return "admin: " + std::string(granted.error().detail) + " " + now.admin->bind.to_string() +
         ": " + granted.error().cause.message();
}

base::Task<std::string> Control::reload() {
  const base::Time began = loop_.now();
  const auto steps = std::make_shared<Steps>(loop_, workers_.size());
  service_manager_.reloading();
  // Files are read, parsed and made into a plan beside the loop, and what it logs to is opened. If
  // another reload was quicker, the plan is made anew beside the one that is in force now.
  std::shared_ptr<const server::Plan> running;
  while (running != plan_) {
    running = plan_;
    const auto plan = [this, running] {
      std::pair<server::Planned, Logs> made(make_plan_again_(*running), Logs());
      if (made.first.plan) made.second = open_logs(*made.first.plan, *running->config);
      return made;
    };
    auto made = co_await executor_.run(loop_, plan);
    steps->planned = {};  // what an earlier round made was beside another plan
    steps->logs = {};
    if (made)
      std::tie(steps->planned, steps->logs) = std::move(*made);
    else
      steps->planned.problems.emplace_back("too many reloads are under way");
  }
  std::string problem = take_configuration(steps);
  is_config_current_ = problem.empty();
  reload_took_ = loop_.now() - began;
  service_manager_.ready();
  if (!problem.empty()) {
    log_.error_in_lines("reload: the configuration in force stays:\n" + problem);
    co_return problem;
  }
  const bool is_everywhere = co_await steps->all_taken.wait(loop_.now() + longest_swap);
  log_.info(is_everywhere ? "reloaded" : "reloaded; a worker is busy and follows");
  co_return "";
}

// What stands in the way, or "".
std::string Control::take_configuration(const std::shared_ptr<Steps>& steps) {
  if (is_draining_) return "the process is draining";
  if (is_upgrading_) return "an upgrade is under way";
  server::Planned& planned = steps->planned;
  Prepared prepared;
  prepared.problem = joined(planned.problems);
  if (planned.plan) prepared = prepare(*planned.plan, std::move(steps->logs));
  if (!prepared.problem.empty()) return prepared.problem;
  {
    const std::lock_guard lock(plan_mutex_);
    earlier_.push_back(std::exchange(plan_, std::move(planned.plan)));
  }
  admin_token_ = plan_->admin_token;
  config_taken_ = loop_.now();
  expect_series();
  if (prepared.log) log_.adopt(std::move(*prepared.log));
  log_.adopt(plan_->config->log.level, plan_->config->log.is_json);
  follow_limits();
  follow_names();
  follow_health();
  follow_traces();
  gate_.hold(*plan_, prepared.sockets);
  const std::vector<filters::HeldBreaker> held = filters::held_breakers(shared_.filter_state);
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    workers_[i]->adopt(adoption(std::move(prepared.sockets[i])), [this, steps] {
      loop_.post([steps] {
        if (--steps->missing == 0) steps->all_taken.set();
      });
    });
  }
  watch_files();
  is_busy_.set();
  announce_what_changed();
  tell_breakers_gone(held, *earlier_.back()->config);
  return {};
}

base::Task<> Control::reopen_and_reload() {
  co_await reopen_logs();
  const std::string problem = co_await reload();
  (void)problem;  // it was told in the log
}

void Control::follow_limits() {
  const config::Limits& limits = plan_->config->limits;
  shared_.admission.adopt(limits.source_connections, memory_limit(limits, log_));
  memory_ = MemoryUse(shared_.admission.memory_limit());
}

server::Adoption Control::adoption(std::vector<server::NewSocket> sockets) const {
  server::Adoption adoption{plan_, {}, std::move(sockets)};
  if (discovery_) adoption.endpoints = discovery_->published();
  return adoption;
}

void Control::publish(std::shared_ptr<const upstream::PublishedEndpoints> endpoints) {
  for (const auto& worker : workers_)
    worker->post([endpoints](server::Runtime& runtime) { runtime.publish(*endpoints); });
  if (discovery_) follow_health();
}

// The endpoints of the configuration in force, as far as they are known.
void Control::follow_health() {
  const auto published = discovery_->published();
  std::vector<upstream::CheckedCluster> checked;
  for (const config::Cluster& cluster : plan_->config->clusters) {
    if (!cluster.health) continue;
    upstream::CheckedCluster& one = checked.emplace_back(upstream::CheckedCluster{cluster, {}, {}});
    if (const auto tls = plan_->cluster_tls.find(cluster.name); tls != plan_->cluster_tls.end())
      one.tls = tls->second;
    if (const auto fixed = plan_->endpoints.find(cluster.name); fixed != plan_->endpoints.end())
      one.endpoints = fixed->second;
    for (const auto& each : published)
      if (each->names.are_of(cluster)) one.endpoints = each->set;
  }
  health_.follow(checked);
}

// Of the configurations that are left: exchanges of an earlier one need its names until they end.
void Control::follow_names() {
  std::vector<const config::Config*> configs = {plan_->config.get()};
  for (const auto& plan : earlier_) configs.push_back(plan->config.get());
  discovery_->follow(configs);
}

// Plans are freed here, not in a worker that has traffic to carry.
void Control::forget_earlier_plans() {
  finish_earlier_traces();
  if (std::erase_if(earlier_, [](const auto& plan) { return plan.use_count() == 1; }) == 0) return;
  follow_names();
  shared_.filter_state.sweep();
}

// Before the workers go over to the plan: what they write is waited for.
void Control::follow_traces() {
  if (!plan_->traces) return;
  for (const auto& exporter : exporters_)
    if (exporter->is_of(plan_->traces.get())) return exporter->renew_tls(plan_->trace_tls);
  const ExporterParts parts{loop_, resolver_, log_, shared_.metrics,
                            static_cast<std::size_t>(plan_->workers)};
  exporters_.push_back(
      std::make_unique<TraceExporter>(parts, plan_->traces, plan_->config, plan_->trace_tls));
}

// Once no exchange is left that writes to them they have a while for what is left.
void Control::finish_earlier_traces() {
  for (const auto& exporter : exporters_)
    if (exporter->is_alone() && !exporter->is_finishing())
      exporter->finish(loop_.now() + longest_farewell);
  std::erase_if(exporters_, [](const auto& exporter) {
    return exporter->is_alone() && exporter->is_done();
  });
}

// The certificates of the configuration in force.
void Control::watch_files() {
  certificates_ = {};
  for (const server::PlannedListener& listener : plan_->listeners) watch_listener(listener);
  for (const config::Cluster& cluster : plan_->config->clusters) watch_cluster(cluster);
  if (!certificates_.is_empty()) has_certificates_.set();
}

void Control::watch_listener(const server::PlannedListener& planned) {
  const config::Listener& listener = *planned.config;
  if (!listener.tls) return;
  certificates_.add(
      config::place_name(listener), certs::files_of(server::tls_settings(listener)),
      [settings = server::tls_settings(listener), of = plan_->config, tls = *listener.tls] {
        return server::as_shown(certs::make_server_context(settings), *of, tls.places);
      },
      [this, name = listener.name](std::shared_ptr<const certs::TlsContext> context) {
        for (const auto& worker : workers_)
          worker->post(
              [=](server::Runtime& runtime) { runtime.renew_listener_tls(name, context); });
      },
      planned.tls);
}

void Control::watch_cluster(const config::Cluster& cluster) {
  if (!cluster.tls) return;
  certificates_.add(
      config::place_name(cluster), certs::files_of(server::tls_settings(cluster)),
      [settings = server::tls_settings(cluster), of = plan_->config, tls = *cluster.tls] {
        return server::as_shown(certs::make_client_context(settings), *of, tls.places);
      },
      [this, name = cluster.name](std::shared_ptr<const certs::TlsContext> context) {
        for (const auto& worker : workers_)
          worker->post([=](server::Runtime& runtime) { runtime.renew_cluster_tls(name, context); });
        health_.renew_tls(name, context);
      },
      plan_->cluster_tls.at(cluster.name));
}

}  // namespace process
