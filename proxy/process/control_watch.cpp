// What control looks at from time to time, as nobody reports it.
#include "proxy/base/memory_pressure.hpp"
#include "proxy/net/exhaustion.hpp"
#include "proxy/process/control.hpp"
#include "proxy/server/runtime.hpp"

#include <chrono>
#include <ctime>
#include <utility>

namespace process {
namespace {

constexpr base::Millis watch_interval{250};
constexpr base::Millis close_watch_interval{25};  // while more than half of the memory is in use
constexpr int looks_before_doze = 8;  // while what came last settles
constexpr base::Millis certificate_interval{1'000};
constexpr std::chrono::hours between_remarks{24};  // on a certificate that soon expires
constexpr std::chrono::minutes between_complaints{1};

// The log says that descriptors have run out, at most once a minute.
class DescriptorWatch {
 public:
  void look(base::Time now, base::Log& log) {
    const std::uint64_t before = std::exchange(seen_, net::accepts_in_vain());
    if (seen_ == before || now < next_complaint_) return;
    next_complaint_ = now + between_complaints;
    log.warning(
        "descriptors have run out: idle connections make room, and others wait or are turned away; "
        "the limit is that of `ulimit -n`, or LimitNOFILE of the unit");
  }

 private:
  std::uint64_t seen_ = net::accepts_in_vain();
  base::Time next_complaint_ = base::Time::min();
};

}  // namespace

// An idle process is not woken for it.
base::Task<> Control::watch_process() {
  DescriptorWatch descriptors;
  for (;;) {
    look_at_memory();
    forget_earlier_plans();
    look_at_access_log();
    for (const auto& exporter : exporters_) exporter->look();
    descriptors.look(loop_.now(), log_);
    const bool is_much = shared_.admission.memory_in_use() > shared_.admission.memory_limit() / 2;
    const base::Duration pause = is_much ? close_watch_interval : watch_interval;
    const base::Time next = may_doze() ? base::never : loop_.now() + pause;
    co_await is_busy_.wait(next);
  }
}

void Control::look_at_memory() {
  server::Admission& admission = shared_.admission;
  admission.memory_in_use(memory_.look(loop_.now()));
  const std::size_t tight = admission.memory_limit() / 4 * 3;
  base::ReadBlock::spare_memory(admission.memory_in_use() > tight);
  base::memory_is_short_above(tight);
  const bool must_accept = !admission.must_not_accept();
  if (must_accept == is_accepting_) return;
  is_accepting_ = must_accept;
  log_.warning(must_accept ? "memory: accepting again" : "memory: accepting pauses");
  for (const auto& worker : workers_)
    worker->post([must_accept](server::Runtime& runtime) { runtime.accept(must_accept); });
}

bool Control::may_doze() {
  const bool is_idle =
      is_accepting_ && !shared_.admission.is_shedding() && earlier_.empty() && !is_draining_ &&
      exporters_.size() == (plan_->traces ? 1 : 0);
  idle_looks_ = is_idle && shared_.admission.connections() == 0 ? idle_looks_ + 1 : 0;
  return idle_looks_ > looks_before_doze && shared_.admission.doze();
}

base::Task<> Control::watch_certificates() {
  base::Time told = loop_.now();  // what there was to say then, the start has said
  for (;;) {
    if (certificates_.is_empty()) co_await has_certificates_.wait();
    co_await base::sleep_until(loop_, loop_.now() + certificate_interval);
    const auto look = certificates_.look();
    const auto found = co_await executor_.run(loop_, look);
    if (found) take_certificates(*found);
    if (loop_.now() < told + between_remarks) continue;
    told = loop_.now();
    const std::time_t now = std::chrono::system_clock::to_time_t(loop_.wall(told));
    for (const std::string& remark : certificates_.remarks(now)) log_.warning(remark);
  }
}

void Control::take_certificates(const std::vector<certs::CertificateWatch::Change>& changes) {
  certificates_.take(
      changes, [this](const std::string& text) { log_.info(text); },
      [this](const std::string& text) { log_.warning(text); });
}

// The other log says that lines of the access log are lost, and when it takes them again.
void Control::look_at_access_log() {
  const bool has_lost = count_lost_lines();
  log_losses_.tell(loop_.now(), lost_lines_teller());
  const std::shared_ptr<observe::AccessLog>& log = plan_->access_log;
  if (!log || has_lost || !is_loss_told_ || log->taken() == seen_taken_) return;
  is_loss_told_ = false;
  log_.info(about_access_log("takes lines again"));
}

// At the end, when nobody writes any more: nothing is lost untold.
void Control::finish_access_log() {
  if (plan_->access_log) plan_->access_log->finish();
  count_lost_lines();
  log_losses_.tell_rest(lost_lines_teller());
}

// Whether there were any since the last time.
bool Control::count_lost_lines() {
  const std::shared_ptr<observe::AccessLog>& log = plan_->access_log;
  if (watched_log_.lock() != log) {
    log_losses_.tell_rest(lost_lines_teller());
    watched_log_ = log;
    watched_log_name_ = log ? log->name() : "";
    seen_refused_ = seen_overrun_ = seen_taken_ = 0;
    is_loss_told_ = false;
  }
  if (!log) return false;
  const auto add_since = [this](std::uint64_t count, std::uint64_t& seen, const std::string& why) {
    const std::uint64_t lost = count - std::exchange(seen, count);
    if (lost > 0) log_losses_.add(lost, why);
    return lost > 0;
  };
  const std::string too_slow = "it takes lines too slowly, or not at all";
  const std::string trouble = log->trouble();
  const bool was_refused =
      add_since(log->refused(), seen_refused_, trouble.empty() ? too_slow : trouble);
  const bool was_overrun = add_since(log->overrun(), seen_overrun_, too_slow);
  if (was_refused) seen_taken_ = log->taken_before_refusal();
  if (was_overrun) seen_taken_ = log->taken();
  return was_refused || was_overrun;
}

Losses::Say Control::lost_lines_teller() {
  return [this](const std::string& why, std::uint64_t count) {
    is_loss_told_ = true;
    log_.warning(about_access_log(why + "; lines lost: " + std::to_string(count)));
  };
}

std::string Control::about_access_log(const std::string& what) const {
  return plan_->config->shown(plan_->config->access_log.places,
                              "access_log: " + watched_log_name_ + ": " + what);
}

}  // namespace process
