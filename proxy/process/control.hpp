// The control thread: starts and ends the workers, resolves names, answers signals and the admin
// side, watches memory and certificates. It carries no traffic. Owned by main, or by a test; the
// thread that calls run(), unless a function says "any thread".
#pragma once

#include "certs/certificate_watch.hpp"
#include "proxy/admin/admin.hpp"
#include "proxy/admin/status_report.hpp"
#include "proxy/base/event.hpp"
#include "proxy/base/event_loop.hpp"
#include "proxy/base/executor.hpp"
#include "proxy/base/log.hpp"
#include "proxy/process/app.hpp"
#include "proxy/process/children.hpp"
#include "proxy/process/inheritance.hpp"
#include "proxy/process/losses.hpp"
#include "proxy/process/memory.hpp"
#include "proxy/process/service_manager.hpp"
#include "proxy/process/start_gate.hpp"
#include "proxy/process/successor.hpp"
#include "proxy/process/trace_exporter.hpp"
#include "proxy/server/listening_sockets.hpp"
#include "proxy/server/shared.hpp"
#include "proxy/server/worker.hpp"
#include "proxy/upstream/discovery.hpp"
#include "proxy/upstream/health_checks.hpp"

#include <boost/asio/signal_set.hpp>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace process {

// limits.memory, or less where the control group has less; says so.
std::size_t memory_limit(const config::Limits& limits, base::Log& log);

class Control final : admin::AdminSource {
 public:
  // Makes a plan of what the configuration says by now, or says why it cannot. Called by another
  // thread, beside the loop.
  using MakePlan = std::function<server::Planned(const server::Plan& running)>;

  Control(std::unique_ptr<server::Plan> plan, MakePlan again, base::Log& log);
  ~Control();

  // Before start(): that runs this command as well, as the configuration's `app` says otherwise.
  void run_app(std::vector<std::string> command);
  // Before start(): the sockets that it was born with, and who waits to hear that it is ready.
  void inherit(Inheritance inherited);
  // How a process that takes this one's place is started; without it there is no upgrade.
  void can_be_replaced_by(std::vector<std::string> command);
  // Binds everything and starts the workers. What went wrong, or "".
  std::string start();
  // Until drained, or stopped. The exit status: the app's, if it runs one, else 0.
  int run();
  // SIGTERM and SIGINT drain, a second one ends at once; SIGHUP reloads, and like SIGUSR1 opens the
  // logs again; SIGUSR2 upgrades. An app hears of the last three, and is not parted from by an
  // upgrade.
  void handle_signals();

  // --- any thread, after start() ---
  void begin_drain();
  void stop();
  // The n-th address of a listener, as bound; none if there is no such listener.
  base::Address listener_address(std::string_view listener, std::size_t n = 0) const;
  base::Address admin_address() const { return admin_ ? admin_->address() : base::Address(); }
  base::Address probes_address() const { return probes_ ? probes_->address() : base::Address(); }

 private:
  bool is_ready() const override { return is_started_ && gate_.is_open() && !is_draining_; }
  base::Task<std::string> metrics() override;
  std::string config() const override { return plan_->config->effective; }
  base::Task<std::string> reload() override;
  bool is_handing_over() const override { return is_upgrading_; }
  std::string set_breaker(std::string_view place, std::string_view mode) override;
  std::string stats() override;
  base::Task<std::string> clusters() override;
  std::string requests(const std::string& id) override;
  observe::Tap& tap() override { return shared_.spectators.tap; }
  base::Loop& loop() override { return loop_; }
  void drain() override { end(plan_->config->drain.delay); }
  void quit() override { end({}); }

  base::Task<std::string> upgrade() override;

  struct Gathering;
  struct Steps;
  struct Upgrading;
  // What a plan logs to, where another is wanted than what is open, or why it cannot be opened.
  struct Logs {
    std::string problem;
    std::optional<base::LogFile> own;  // null = it stays; the access log is in the plan
  };
  // What a plan needs beside it, or why it cannot be had.
  struct Prepared {
    std::string problem;
    std::vector<std::vector<server::NewSocket>> sockets;  // by worker
    std::vector<base::Address> unused;                    // that were inherited
    std::optional<base::LogFile> log;                     // null = it stays
  };
  base::Task<admin::Snapshots> snapshots();
  admin::ProcessStatus status() const;

  std::string open_admin();
  std::string open_probes();
  std::string start_app();
  base::Task<> open_when_ready();
  void open_inbound();
  void on_app_ended();
  void tell_ready();
  base::Task<> watch_workers(base::Duration interval);
  std::string why_not_upgrade() const;
  base::Task<> upgrade_on_signal();
  base::Task<> replace(std::shared_ptr<Upgrading> upgrading);
  void ask_for_sockets(const std::shared_ptr<Upgrading>& upgrading);
  HandedOver handed_over(std::vector<server::NewSocket> of_workers) const;
  void leave();
  void let_go_of_paths();
  void restore_access() const;
  base::Task<> drain_at_once();
  void tell_held_breakers();
  void tell_breakers_gone(const std::vector<filters::HeldBreaker>& held,
                          const config::Config& before);
  void tell_gone(const filters::HeldBreaker& held);
  base::Task<> reopen_and_reload();
  static Logs open_logs(server::Plan& plan, const config::Config& before);
  std::string take_configuration(const std::shared_ptr<Steps>& steps);
  Prepared prepare(server::Plan& plan, Logs logs);
  std::string grant_admin(const config::Config& before, const config::Config& now) const;
  server::Adoption adoption(std::vector<server::NewSocket> sockets) const;
  void follow_limits();
  void follow_names();
  void follow_traces();
  void finish_earlier_traces();
  void follow_health();
  void watch_files();
  void forget_earlier_plans();
  void announce();
  void announce(bool outbound);
  void announce_what_changed();
  void expect_series();
  void expect_series(const config::Listener& listener, const config::Route& route);
  void publish(std::shared_ptr<const upstream::PublishedEndpoints> endpoints);
  void watch_listener(const server::PlannedListener& planned);
  void watch_cluster(const config::Cluster& cluster);
  base::Task<> reopen_logs();
  void look_at_access_log();
  void finish_access_log();
  bool count_lost_lines();
  Losses::Say lost_lines_teller();
  std::string about_access_log(const std::string& what) const;
  void await_signal();
  void on_signal(int number);
  void end(base::Millis delay);
  void end_at_once();
  base::Task<> drain_in_order(base::Millis delay);
  base::Task<> drain_inbound();
  base::Task<> export_what_is_left();
  base::Task<> drain_outbound();
  base::Task<bool> until_inbound_is_done();
  void cut(bool outbound, const std::shared_ptr<std::atomic<std::size_t>>& exchanges);
  base::Task<bool> until_idle();
  base::Task<> cut_what_is_left();
  base::Task<> watch_process();
  void look_at_memory();
  base::Task<> watch_certificates();
  bool may_doze();
  void take_certificates(const std::vector<certs::CertificateWatch::Change>& changes);
  void drain_listeners(bool outbound);
  std::int64_t exchanges(bool is_outbound) const;
  std::int64_t inbound_connections() const;
  bool has_inbound() const;

  template <typename Visit> void each_listener(Visit visit) const;

  std::shared_ptr<server::Plan> plan_;  // other threads read it under the mutex
  mutable std::mutex plan_mutex_;
  std::vector<std::shared_ptr<server::Plan>> earlier_;  // that exchanges may still be under
  const MakePlan make_plan_again_;
  base::Log& log_;
  base::EventLoop loop_;
  base::Executor executor_;
  server::Shared shared_;
  server::ListeningSockets sockets_;
  MemoryUse memory_;
  std::vector<std::unique_ptr<server::Worker>> workers_;
  net::Resolver resolver_;
  std::unique_ptr<upstream::Discovery> discovery_;
  upstream::HealthChecks health_;
  std::vector<std::unique_ptr<TraceExporter>> exporters_;  // of the plan's traces, and of earlier
  std::string admin_token_;  // "" = none is asked for
  std::unique_ptr<admin::Admin> admin_;
  std::unique_ptr<admin::Admin> probes_;
  certs::CertificateWatch certificates_;
  Children children_;
  StartGate gate_;
  ServiceManager service_manager_;
  base::Descriptor predecessor_;  // waits for this process to be ready; none = nobody does
  std::optional<server::InheritedSocket> admin_socket_, probes_socket_;
  std::vector<filters::HeldBreaker> held_breakers_;  // that were inherited, until they are told
  std::vector<std::string> successor_command_;
  std::unique_ptr<Successor> successor_;
  std::unique_ptr<App> app_;  // none = it runs none
  std::unique_ptr<boost::asio::signal_set> signals_;
  std::map<std::string, std::string> announced_;  // what was said of each listener, by name
  base::Time started_ = base::never;
  base::Time config_taken_ = base::never;  // the one in force
  bool is_started_ = false;
  bool is_config_current_ = true;  // the last reload succeeded, if there was one
  base::Duration reload_took_{};   // that one
  bool is_upgrading_ = false;
  bool is_replaced_ = false;  // by another process: what is new is its
  bool is_draining_ = false;
  base::Time drain_limit_ = base::never;  // then the rest is cut
  bool is_told_to_end_ = false;           // by a signal
  bool is_accepting_ = true;
  bool is_start_failed_ = false;                   // the app was not ready in time
  int idle_looks_ = 0;                             // in a row
  base::Event is_busy_;                            // there is something to watch again
  base::Event has_certificates_;                   // that are watched
  Losses log_losses_;  // of lines of the access log
  std::weak_ptr<const observe::AccessLog> watched_log_;
  std::string watched_log_name_;
  std::uint64_t seen_refused_ = 0, seen_overrun_ = 0;  // of those, by its destination; for want of room
  std::uint64_t seen_taken_ = 0;  // when lines were last seen to be lost
  bool is_loss_told_ = false;     // and not that it takes lines again
  base::TaskGroup tasks_;
};

}  // namespace process
