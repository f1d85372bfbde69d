// How control ends: in order, with what is under way given its time.
#include "proxy/base/number_of.hpp"
#include "proxy/process/control.hpp"

#include <algorithm>
#include <csignal>

namespace process {
namespace {

constexpr base::Millis drain_step{20};
constexpr base::Millis longest_goodbye{1'000};  // for what was cut to be told so
constexpr base::Millis longest_export{2'000};   // of spans that are left

std::string cut_in_words(std::size_t count, std::string_view what) {
  return base::number_of(count, what) + (count == 1 ? " was cut" : " were cut");
}

}  // namespace

void Control::end(base::Millis delay) {
  if (is_draining_) return;
  if (predecessor_) let_go_of_paths();  // it goes on
  is_draining_ = true;
  drain_limit_ = loop_.now() + plan_->config->drain.timeout;
  service_manager_.stopping();
  log_.info("draining");
  tasks_.spawn(drain_in_order(delay)).release();
}

void Control::end_at_once() {
  log_.warning("a second signal: ending at once");
  if (app_) app_->signal(SIGKILL);
  const auto unheard = std::make_shared<std::atomic<std::size_t>>(0);
  cut(false, unheard);
  cut(true, unheard);
  stop();
}

// Inbound first: what the app is asked to finish may need its outbound listeners. Those work until
// it has gone.
base::Task<> Control::drain_in_order(base::Millis delay) {
  co_await base::sleep_until(loop_, std::min(drain_limit_, loop_.now() + delay));
  co_await drain_inbound();
  if (app_) co_await app_->stop(plan_->config->app.value_or(config::App()).stop_timeout);
  co_await drain_outbound();
}

// All that is left of the process.
base::Task<> Control::drain_outbound() {
  drain_listeners(true);
  if (admin_) admin_->release();  // as the listeners: another process may stand in
  if (probes_) probes_->release();
  const bool is_idle = co_await until_idle();
  if (is_idle)
    log_.info("drained");
  else
    co_await cut_what_is_left();
  co_await export_what_is_left();
  stop();
}

base::Task<> Control::export_what_is_left() {
  const base::Time until = loop_.now() + longest_export;
  for (const auto& exporter : exporters_) exporter->finish(until);
  const auto is_done = [](const auto& exporter) { return exporter->is_done(); };
  while (!std::all_of(exporters_.begin(), exporters_.end(), is_done))
    co_await base::sleep_until(loop_, loop_.now() + drain_step);
}

base::Task<> Control::drain_inbound() {
  if (!has_inbound()) co_return;
  drain_listeners(false);
  const bool is_done = co_await until_inbound_is_done();
  if (is_done || !app_) co_return;
  const auto exchanges = std::make_shared<std::atomic<std::size_t>>(0);
  cut(false, exchanges);
  co_await base::sleep_until(loop_, loop_.now() + drain_step);
  log_.warning("drain.timeout: " + cut_in_words(*exchanges, "inbound exchange"));
}

// A connection that was just accepted may still bring an exchange, so the connections of inbound
// listeners are waited for too: draining closes those without one. Outbound exchanges may be
// theirs, if it is not known that the app goes on. False: the limit came first.
base::Task<bool> Control::until_inbound_is_done() {
  const auto closing = std::make_shared<std::atomic<std::size_t>>(workers_.size());
  for (const auto& worker : workers_) worker->post([closing](server::Runtime&) { --*closing; });
  while (loop_.now() < drain_limit_) {
    const bool has_closed = *closing == 0 && inbound_connections() == 0;
    const std::int64_t left = exchanges(false) + (app_ ? 0 : exchanges(true));
    if (has_closed && left == 0) co_return true;
    co_await base::sleep_until(loop_, loop_.now() + drain_step);
  }
  co_return false;
}

// False: the limit came first.
base::Task<bool> Control::until_idle() {
  for (;;) {
    auto busy = std::make_shared<std::atomic<int>>(static_cast<int>(workers_.size()));
    for (const auto& worker : workers_)
      worker->post([busy](server::Runtime& runtime) {
        if (runtime.is_idle()) --*busy;
      });
    co_await base::sleep_until(loop_, loop_.now() + drain_step);
    if (*busy == 0) co_return true;
    if (loop_.now() >= drain_limit_) co_return false;
  }
}

base::Task<> Control::cut_what_is_left() {
  const auto exchanges = std::make_shared<std::atomic<std::size_t>>(0);
  cut(false, exchanges);
  cut(true, exchanges);
  drain_limit_ = loop_.now() + longest_goodbye;
  co_await until_idle();
  log_.warning("drain.timeout: " + cut_in_words(*exchanges, "exchange"));
}

void Control::cut(bool outbound, const std::shared_ptr<std::atomic<std::size_t>>& exchanges) {
  for (const auto& worker : workers_)
    worker->post([=](server::Runtime& runtime) { *exchanges += runtime.cut(outbound); });
}

void Control::drain_listeners(bool outbound) {
  for (const auto& worker : workers_)
    worker->post([outbound, is_replaced = is_replaced_](server::Runtime& runtime) {
      runtime.drain(outbound, is_replaced);
    });
}

}  // namespace process
