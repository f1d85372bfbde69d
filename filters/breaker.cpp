#include "filters/breaker.hpp"

#include <algorithm>

namespace filters {

using base::Time;

std::string_view to_string(Breaker::State state) {
  switch (state) {
    case Breaker::State::closed:
      return "closed";
    case Breaker::State::open:
      return "open";
    default:
      return "half_open";
  }
}

// The generation is read first and written last: should the state change meanwhile, the ticket has an
// old one, and its outcome does not count.
Breaker::Ticket Breaker::admit(Time now) {
  const std::uint64_t generation = generation_.load();
  if (state_.load() != State::closed) return admit_not_closed(now);
  return {true, 0, generation, false};
}

Breaker::Ticket Breaker::admit_not_closed(Time now) {
  const std::lock_guard lock(mutex_);
  if (state() == State::open && now >= open_until_) enter(State::half_open);
  if (state() == State::closed) return {true, 0, generation_.load(), false};
  if (state() == State::half_open && probes_ < settings_.half_open_requests) {
    ++probes_;
    return {true, 0, generation_.load(), true};
  }
  const auto left = std::chrono::ceil<std::chrono::seconds>(open_until_ - now).count();
  return {false, static_cast<std::uint32_t>(std::max<std::int64_t>(left, 1)), 0, false};
}

void Breaker::enter(State state) {
  probes_ = successes_ = 0;
  if (state == State::closed) counts_.clear();
  state_.store(state);
  generation_.fetch_add(1);
}

void Breaker::open(Time now, double jitter) {
  enter(State::open);
  const auto extra = std::chrono::duration_cast<base::Duration>(settings_.open_for * jitter / 10);
  open_until_ = now + settings_.open_for + extra;
}

void Breaker::succeeded(const Ticket& ticket, Time now) {
  if (!is_current(ticket)) return;
  if (!ticket.is_probe) return counts_.add(now, false);
  const std::lock_guard lock(mutex_);
  if (!is_current(ticket)) return;
  --probes_;
  if (++successes_ >= settings_.success_threshold) enter(State::closed);
}

void Breaker::failed(const Ticket& ticket, Time now, double jitter) {
  if (!is_current(ticket)) return;
  if (!ticket.is_probe) {
    counts_.add(now, true);
    const SlidingCounts::Sums sums = counts_.sums(now);
    const bool is_too_much = sums.all >= settings_.request_volume &&
                             sums.marked >= settings_.failure_threshold &&
                             sums.marked * 10'000 >= settings_.failure_ratio * sums.all;
    if (!is_too_much) return;
  }
  const std::lock_guard lock(mutex_);
  if (is_current(ticket)) open(now, jitter);
}

void Breaker::without_outcome(const Ticket& ticket) {
  if (!ticket.is_probe) return;
  const std::lock_guard lock(mutex_);
  if (is_current(ticket)) --probes_;
}

}  // namespace filters
