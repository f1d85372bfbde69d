// How control goes over to a configuration: everything that can fail first, beside the one in
// force, then one step in each worker.
#include "proxy/process/control.hpp"

#include <algorithm>

namespace process {
namespace {

constexpr base::Millis longest_step{2'000};  // of a worker that is busy

std::string joined(const std::vector<std::string>& problems) {
  std::string text;
  for (const std::string& problem : problems) {
    if (!text.empty()) text += '\n';
    text += problem;
  }
  return text;
}

// Counts the workers that have taken their step; outlives whoever waits.
struct Steps {
  Steps(base::Loop& loop, std::size_t workers) : all_taken(loop), missing(workers) {}
  base::Event all_taken;
  std::size_t missing;
};

}  // namespace

// What is wrong, or "". Nothing has changed then but the plan.
std::string Control::prepare(server::Plan& plan, server::ListeningSockets::Bound& sockets) {
  std::string problem = server::open_access_log(plan);
  if (!problem.empty()) return problem;
  sockets = sockets_.bind(plan);
  return sockets.problem;
}

base::Task<std::string> Control::reload() {
  if (is_draining_) co_return "the process is draining: its configuration stays";
  server::Planned planned = make_plan_again_(*plan_);
  std::string problem = joined(planned.problems);
  server::ListeningSockets::Bound bound;
  if (problem.empty()) problem = prepare(*planned.plan, bound);
  is_config_current_ = problem.empty();
  if (!problem.empty()) {
    log_.error("reload: the configuration in force stays: " + problem);
    co_return problem;
  }
  earlier_.push_back(std::exchange(plan_, std::move(planned.plan)));
  config_taken_ = loop_.now();
  expect_series();
  follow_names();
  const auto steps = std::make_shared<Steps>(loop_, workers_.size());
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    const auto next = std::make_shared<server::Adoption>(adoption(std::move(bound.by_worker[i])));
    workers_[i]->post([this, next, steps](server::Runtime& runtime) {
      runtime.adopt(std::move(*next));
      loop_.post([steps] {
        if (--steps->missing == 0) steps->all_taken.set();
      });
    });
  }
  watch_files();
  announce();
  const bool is_everywhere = co_await steps->all_taken.wait(loop_.now() + longest_step);
  log_.info(is_everywhere ? "reloaded" : "reloaded; a worker is busy and follows");
  co_return "";
}

base::Task<> Control::reload_on_signal() {
  const std::string problem = co_await reload();
  (void)problem;  // it was told in the log
}

server::Adoption Control::adoption(std::vector<server::NewSocket> sockets) const {
  server::Adoption adoption{plan_, {}, std::move(sockets)};
  if (discovery_) adoption.endpoints = discovery_->published();
  return adoption;
}

void Control::publish(std::shared_ptr<const upstream::PublishedEndpoints> endpoints) {
  for (const auto& worker : workers_)
    worker->post([endpoints](server::Runtime& runtime) { runtime.publish(*endpoints); });
}

// Of the configurations that are left: exchanges of an earlier one need its names until they end.
void Control::follow_names() {
  std::vector<const config::Config*> configs = {plan_->config.get()};
  for (const auto& plan : earlier_) configs.push_back(plan->config.get());
  discovery_->follow(configs);
}

// Plans are freed here, not in a worker that has traffic to carry.
void Control::forget_earlier_plans() {
  if (std::erase_if(earlier_, [](const auto& plan) { return plan.use_count() == 1; }) > 0)
    follow_names();
}

// The certificates of the configuration in force.
void Control::watch_files() {
  certificates_ = {};
  for (const server::PlannedListener& listener : plan_->listeners) watch_listener(listener);
  for (const config::Cluster& cluster : plan_->config->clusters) watch_cluster(cluster);
}

void Control::watch_listener(const server::PlannedListener& planned) {
  const config::Listener& listener = *planned.config;
  if (!listener.tls) return;
  certificates_.add(
      "listener " + listener.name, {listener.tls->cert, listener.tls->key, listener.tls->client_ca},
      [settings = server::tls_settings(listener)] { return certs::make_server_context(settings); },
      [this, name = listener.name](std::shared_ptr<const certs::Context> context) {
        for (const auto& worker : workers_)
          worker->post(
              [=](server::Runtime& runtime) { runtime.renew_listener_tls(name, context); });
      },
      planned.tls);
}

void Control::watch_cluster(const config::Cluster& cluster) {
  if (!cluster.tls) return;
  certificates_.add(
      "cluster " + cluster.name, {cluster.tls->ca, cluster.tls->cert, cluster.tls->key},
      [settings = server::tls_settings(cluster)] { return certs::make_client_context(settings); },
      [this, name = cluster.name](std::shared_ptr<const certs::Context> context) {
        for (const auto& worker : workers_)
          worker->post([=](server::Runtime& runtime) { runtime.renew_cluster_tls(name, context); });
      },
      plan_->cluster_tls.at(cluster.name));
}

}  // namespace process
