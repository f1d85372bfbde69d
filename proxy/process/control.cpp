#include "proxy/process/control.hpp"

#include "proxy/base/control_groups.hpp"
#include "proxy/base/memory_pressure.hpp"
#include "proxy/process/resources.hpp"
#include "proxy/server/runtime.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <set>

namespace process {
namespace {

std::size_t connection_limit(const config::Limits& limits, base::Log& log) {
  const std::size_t descriptors = raise_descriptor_limit();
  const std::size_t possible = connections_within(descriptors);
  if (limits.connections <= possible) return limits.connections;
  if (!descriptor_problem(limits.connections, descriptors).empty()) return possible;
  const std::string text = "limits.connections lowered from " +
                           std::to_string(limits.connections) + " to " + std::to_string(possible) +
                           ": only " + std::to_string(descriptors) + " descriptors may be open";
  const bool is_default = limits.connections == config::Limits().connections;
  is_default ? log.info(text) : log.warning(text);  // nobody may need as many
  return possible;
}

// "listener NAME listening on ADDRESSES: direction, protocols, TLS".
std::string description_of(const server::PlannedListener& listener, const config::Config& all) {
  const config::Listener& config = *listener.config;
  std::string text = "listener " + config.name + " listening on ";
  for (std::size_t i = 0; i < config.bind.size(); ++i) {
    text.append(i == 0 ? "" : ", ").append(listener.addresses[i].to_string());
    if (server::takes_ipv4(config.bind[i], all)) text += " (IPv4 as well)";
  }
  text.append(listener.is_outbound() ? ": outbound, " : ": inbound, ");
  if (config.udp) return text + "udp";
  if (config.tcp)
    text += "tcp";
  else
    text.append(config.http1 && config.h2 ? "http1 and h2" : config.h2 ? "h2" : "http1");
  if (!config.tls) return text + ", without TLS";
  text += ", TLS";
  if (config.tls->client_auth == base::ClientAuth::require)
    text += " with client certificates required";
  if (config.tls->client_auth == base::ClientAuth::request)
    text += " with client certificates asked for";
  return text;
}

}  // namespace

std::size_t memory_limit(const config::Limits& limits, base::Log& log) {
  const std::optional<std::size_t> group = base::ControlGroups().memory();
  if (!group || *group / 10 * 9 >= limits.memory) return limits.memory;
  log.info("limits.memory lowered from " + std::to_string(limits.memory) + " to " +
           std::to_string(*group / 10 * 9) + ": 90 % of what the control group may have");
  return *group / 10 * 9;
}

Control::Control(std::unique_ptr<server::Plan> plan, MakePlan again, base::Log& log)
    : plan_(std::move(plan)),
      make_plan_again_(std::move(again)),
      log_(log),
      shared_(*plan_, connection_limit(plan_->config->limits, log),
              memory_limit(plan_->config->limits, log), log),
      memory_(shared_.admission.memory_limit()),
      resolver_(loop_),
      health_(loop_, *shared_.cluster_states, shared_.metrics,
              static_cast<std::size_t>(plan_->workers)),
      is_busy_(loop_),
      has_certificates_(loop_),
      tasks_(loop_) {
  shared_.admission.wake_when_busy([this] { loop_.post([this] { is_busy_.set(); }); });
}

Control::~Control() {
  if (predecessor_) let_go_of_paths();  // it goes on
  base::ReadBlock::spare_memory(false);
  base::memory_is_short_above(0);
  tasks_.cancel_all();
  discovery_.reset();
  exporters_.clear();
  admin_.reset();
  probes_.reset();
  workers_.clear();
  finish_access_log();
  app_.reset();
  successor_.reset();
}

std::string Control::start() {
  std::string problem =
      descriptor_problem(plan_->config->limits.connections, raise_descriptor_limit());
  if (!problem.empty()) return problem;
  Prepared prepared = prepare(*plan_, open_logs(*plan_, *plan_->config));
  problem = std::move(prepared.problem);
  for (const base::Address& unused : prepared.unused)
    log_.warning("a socket on " + unused.to_string() +
                 " was handed to this process, and no listener names it: it is closed");
  if (problem.empty()) problem = open_admin();
  if (problem.empty()) problem = open_probes();
  admin_socket_.reset();  // that nobody has asked for
  probes_socket_.reset();
  gate_.hold(*plan_, prepared.sockets);
  if (problem.empty()) problem = open_all(prepared.sockets);
  if (!problem.empty() && predecessor_) let_go_of_paths();  // before what is prepared goes
  if (!problem.empty()) return problem;
  follow_traces();
  // Until each worker has its filters.
  const auto kept = filters::hold_breakers(shared_.filter_state, held_breakers_);
  for (std::size_t i = 0; i < prepared.sockets.size(); ++i) {
    workers_.push_back(std::make_unique<server::Worker>(i, shared_));
    workers_.back()->start(adoption(std::move(prepared.sockets[i])));
  }
  discovery_ = std::make_unique<upstream::Discovery>(
      upstream::DiscoveryParts{loop_, resolver_, executor_, log_},
      [this](auto endpoints) { publish(std::move(endpoints)); });
  follow_names();
  follow_health();
  watch_files();
  tasks_.spawn(watch_process()).release();
  tasks_.spawn(watch_certificates()).release();
  started_ = config_taken_ = loop_.now();
  is_started_ = true;
  expect_series();
  announce();
  tell_held_breakers();
  if (app_) return start_app();
  tell_ready();
  return {};
}

// Whoever waits for it: the process that it takes the place of, the service manager.
void Control::tell_ready() {
  if (predecessor_) say_ready(predecessor_.number());
  predecessor_.reset();
  service_manager_.ready();
  if (const auto interval = service_manager_.watchdog())
    tasks_.spawn(watch_workers(*interval)).release();
}

// A sign of life for each interval in which all workers have turned.
base::Task<> Control::watch_workers(base::Duration interval) {
  for (;;) {
    const auto missing = std::make_shared<std::atomic<std::size_t>>(workers_.size());
    for (const auto& worker : workers_) worker->post([missing](server::Runtime&) { --*missing; });
    co_await base::sleep_until(loop_, loop_.now() + interval / 2);
    if (*missing == 0) service_manager_.alive();
  }
}

void Control::announce() {
  for (const config::Mistake& warning : plan_->warnings) log_.warning(warning.summary());
  announce(true);
  if (gate_.is_open()) announce(false);
  if (admin_) log_.info("admin listening on " + admin_->address().to_string());
  if (probes_) log_.info("admin.probes listening on " + probes_->address().to_string());
}

void Control::announce(bool outbound) {
  for (const server::PlannedListener& listener : plan_->listeners)
    if (listener.is_outbound() == outbound) {
      std::string text = description_of(listener, *plan_->config);
      if (announced_[listener.config->name] == text) continue;
      log_.info(text);
      announced_[listener.config->name] = std::move(text);
    }
}

// After a reload.
void Control::announce_what_changed() {
  for (const config::Mistake& warning : plan_->warnings) log_.warning(warning.summary());
  std::erase_if(announced_, [this](const auto& known) {
    const auto is_it = [&](const auto& listener) { return listener.config->name == known.first; };
    const bool is_there = std::any_of(plan_->listeners.begin(), plan_->listeners.end(), is_it);
    if (!is_there) log_.info("listener " + known.first + " takes no new connections any more");
    return !is_there;
  });
  announce(true);
  if (gate_.is_open()) announce(false);
}

int Control::run() {
  loop_.run();
  if (is_start_failed_) return EXIT_FAILURE;
  return app_ ? app_->exit_status().value_or(shell_status(SIGKILL)) : EXIT_SUCCESS;
}

void Control::stop() {
  loop_.stop();
}

void Control::begin_drain() {
  loop_.post([this] { drain(); });
}

base::Address Control::listener_address(std::string_view listener, std::size_t n) const {
  std::shared_ptr<const server::Plan> plan;
  {
    const std::lock_guard lock(plan_mutex_);
    plan = plan_;
  }
  for (const server::PlannedListener& each : plan->listeners)
    if (each.config->name == listener && n < each.addresses.size()) return each.addresses[n];
  return {};
}

void Control::handle_signals() {
  signals_ = std::make_unique<boost::asio::signal_set>(loop_.io(), SIGTERM, SIGINT, SIGHUP);
  signals_->add(SIGUSR1);
  signals_->add(SIGUSR2);
  signals_->add(SIGCHLD);
  await_signal();
}

void Control::await_signal() {
  signals_->async_wait([this](boost::system::error_code error, int number) {
    if (error) return;
    await_signal();
    loop_.post([this, number] { on_signal(number); });
  });
}

void Control::on_signal(int number) {
  if (number == SIGCHLD) return children_.reap();
  const bool is_for_app = number == SIGHUP || number == SIGUSR1 || number == SIGUSR2;
  if (app_ && is_for_app) app_->signal(number);
  if (number == SIGHUP) return tasks_.spawn(reopen_and_reload()).release();
  if (number == SIGUSR1) return tasks_.spawn(reopen_logs()).release();
  if (number == SIGUSR2) {
    if (!app_) tasks_.spawn(upgrade_on_signal()).release();
    return;
  }
  if (std::exchange(is_told_to_end_, true)) return end_at_once();
  // Neither is begun twice: the admin side may have told it to, or another process taken over.
  drain();
  drain_limit_ = std::min(drain_limit_, loop_.now() + plan_->config->drain.timeout);
}

// Of every configuration that is left; those of one name share their counts.
template <typename Visit> void Control::each_listener(Visit visit) const {
  std::set<const server::ListenerCounts*> seen;
  const auto visit_all = [&](const server::Plan& plan) {
    for (const server::PlannedListener& listener : plan.listeners)
      if (seen.insert(listener.counts.get()).second) visit(listener);
  };
  visit_all(*plan_);
  for (const auto& plan : earlier_) visit_all(*plan);
}

std::int64_t Control::exchanges(bool is_outbound) const {
  std::int64_t count = 0;
  each_listener([&](const server::PlannedListener& listener) {
    if (listener.is_outbound() != is_outbound) return;
    for (std::size_t i = 0; i < workers_.size(); ++i) count += listener.counts[i].exchanges.load();
  });
  return count;
}

std::int64_t Control::inbound_connections() const {
  std::int64_t count = 0;
  each_listener([&](const server::PlannedListener& listener) {
    if (listener.is_outbound()) return;
    for (std::size_t i = 0; i < workers_.size(); ++i)
      count += listener.counts[i].connections.load();
  });
  return count;
}

// Those that a reload took away may still be answering.
bool Control::has_inbound() const {
  if (inbound_connections() > 0) return true;
  for (const server::PlannedListener& listener : plan_->listeners)
    if (!listener.is_outbound()) return true;
  return false;
}

}  // namespace process
