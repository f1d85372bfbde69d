// The circuit breaker's policy, apart from the filter: closed, open, half-open, for all workers
// together. `now` is an argument. Any thread; closed it costs two atomics a request.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string_view>

#include "filters/sliding_counts.hpp"
#include "proxy/base/time.hpp"

namespace filters {

struct BreakerSettings {
  std::uint64_t failure_threshold = 5;
  std::uint32_t failure_ratio = 2500;  // in 1/100 %
  std::uint64_t request_volume = 20;
  base::Millis window{30'000};
  std::uint64_t success_threshold = 3;
  base::Millis open_for{60'000};
  std::uint64_t half_open_requests = 1;
};

class Breaker {
 public:
  enum class State : std::uint8_t { closed, open, half_open };

  // One admitted request; its outcome counts only in the state in which it began.
  struct Ticket {
    bool is_admitted = false;
    std::uint32_t retry_after = 0;  // seconds, if refused
    std::uint64_t generation = 0;
    bool is_probe = false;
  };

  explicit Breaker(const BreakerSettings& settings)
      : settings_(settings), counts_(settings.window) {}

  Ticket admit(base::Time now);
  void succeeded(const Ticket& ticket, base::Time now);
  // `jitter` in [0, 1) lengthens open_for by up to a tenth.
  void failed(const Ticket& ticket, base::Time now, double jitter);
  void without_outcome(const Ticket& ticket);

  State state() const { return state_.load(std::memory_order_relaxed); }

 private:
  bool is_current(const Ticket& ticket) const { return ticket.generation == generation_.load(); }
  Ticket admit_not_closed(base::Time now);
  void enter(State state);
  void open(base::Time now, double jitter);

  const BreakerSettings settings_;
  SlidingCounts counts_;
  std::atomic<State> state_{State::closed};
  std::atomic<std::uint64_t> generation_{0};

  std::mutex mutex_;  // the rest: only when not closed
  base::Time open_until_{};
  std::uint64_t probes_ = 0;
  std::uint64_t successes_ = 0;
};

std::string_view to_string(Breaker::State state);

}  // namespace filters
