// The circuit breaker's policy, apart from the filter: closed, open, half-open, for all workers
// together. `now` and chance are arguments. Any thread; while it is closed an outcome is counted in
// the worker's own shard, and only a failure adds the shards up.
#pragma once

#include "filters/sliding_counts.hpp"
#include "proxy/base/time.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>

namespace filters {

// Calls that take longer than `over` to their head, and what share of them is too much.
struct SlowCalls {
  base::Millis over{0};        // 0 = they may take as long as they like
  std::uint32_t ratio = 5000;  // in 1/100 %
};

struct BreakerSettings {
  std::uint64_t failure_threshold = 5;
  std::uint32_t failure_ratio = 2500;  // in 1/100 %
  std::uint64_t request_volume = 20;
  base::Millis window{30'000};
  std::uint64_t success_threshold = 3;
  base::Millis first_open_for{1'000};
  base::Millis open_for{60'000};
  std::uint64_t half_open_requests = 1;
  SlowCalls slow;
};

class Breaker {
 public:
  enum class State : std::uint8_t { closed, open, half_open };
  // Whether it goes by outcomes, or is held by hand.
  enum class Mode : std::uint8_t { automatic, open, closed };

  // Why one is not let through: half-open, as many probes as may be are under way.
  enum class Refusal : std::uint8_t { open, probing, by_hand };

  // One admitted request; its outcome counts only in the state in which it began.
  struct Ticket {
    bool is_admitted = false;
    Refusal refusal = Refusal::open;  // if refused
    std::uint32_t retry_after = 0;  // seconds, if refused; 0 = nobody knows: held by hand
    std::uint64_t generation = 0;
    bool is_probe = false;
    bool begins_probing = false;  // the breaker became half-open with it
    base::Time begun{};
    base::Duration took{};  // to its head: for whoever has the ticket to fill in
  };

  struct Snapshot {
    State state = State::closed;
    base::Time since{};              // it is in this state; Time{} = from the start
    base::Time until = base::never;  // no request is admitted, if it is open
    SlidingCounts::Sums outcomes{};  // of the window; marked = failures
    SlidingCounts::Sums slow{};      // marked = slow; none unless slow calls count
    bool was_probing = false;        // before: it was half-open
  };

  // shards: see SlidingCounts.
  Breaker(const BreakerSettings& settings, std::size_t shards)
      : settings_(settings),
        counts_(settings.window, shards),
        slow_(settings.slow.over == base::Millis{0}
                  ? nullptr
                  : std::make_unique<SlidingCounts>(settings.window, shards)) {}

  Ticket admit(base::Time now);
  // What the outcome changed: the new state, and what was seen before it; nothing if it changed
  // none. `jitter` in [0, 1) lengthens the time by up to a tenth.
  std::optional<Snapshot> succeeded(const Ticket& ticket, std::size_t shard, base::Time now,
                                    double jitter = 0);
  std::optional<Snapshot> failed(const Ticket& ticket, std::size_t shard, base::Time now,
                                 double jitter);
  void without_outcome(const Ticket& ticket);

  // Held open nobody is let through, held closed everybody is, whatever the outcomes. Let go from
  // open it asks carefully first. What was begun before does not count.
  void set(Mode mode, base::Time now);
  Mode mode() const { return mode_.load(std::memory_order_relaxed); }

  State state() const { return state_.load(std::memory_order_relaxed); }
  Snapshot snapshot(base::Time now) const;

 private:
  bool is_current(const Ticket& ticket) const { return ticket.generation == generation_.load(); }
  bool is_slow(const Ticket& ticket) const { return slow_ && ticket.took > settings_.slow.over; }
  bool is_too_much(const SlidingCounts::Sums& sums) const;
  bool are_too_slow(const SlidingCounts::Sums& sums) const;
  std::optional<Snapshot> count(const Ticket& ticket, std::size_t shard, base::Time now,
                                bool has_failed, double jitter);
  std::optional<Snapshot> probe_succeeded(const Ticket& ticket, base::Time now);
  std::optional<Snapshot> opened(const Ticket& ticket, base::Time now, double jitter);
  Ticket admit_not_closed(base::Time now);
  void enter(State state, base::Time now);
  void open(base::Time now, double jitter);

  const BreakerSettings settings_;
  SlidingCounts counts_;
  const std::unique_ptr<SlidingCounts> slow_;  // null = slow calls do not count
  std::atomic<State> state_{State::closed};
  std::atomic<std::uint64_t> generation_{0};
  std::atomic<Mode> mode_{Mode::automatic};

  mutable std::mutex mutex_;  // the rest: only when not closed
  base::Time since_{};
  base::Time open_until_{};
  base::Millis opens_for_{0};  // the last time; 0 = it never opened
  std::uint64_t probes_ = 0;
  std::uint64_t successes_ = 0;
};

std::string_view to_string(Breaker::State state);
std::string_view to_string(Breaker::Mode mode);  // "auto", "open" or "closed"

}  // namespace filters
