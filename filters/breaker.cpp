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

std::string_view to_string(Breaker::Mode mode) {
  switch (mode) {
    case Breaker::Mode::automatic:
      return "auto";
    case Breaker::Mode::open:
      return "open";
    default:
      return "closed";
  }
}

// The generation is read first and written last: should the state change meanwhile, the ticket has
// an old one, and its outcome does not count.
Breaker::Ticket Breaker::admit(Time now) {
  const std::uint64_t generation = generation_.load();
  if (state_.load() != State::closed) return admit_not_closed(now);
  Ticket ticket;
  ticket.is_admitted = true;
  ticket.generation = generation;
  ticket.begun = now;
  return ticket;
}

Breaker::Ticket Breaker::admit_not_closed(Time now) {
  const std::lock_guard lock(mutex_);
  Ticket ticket;
  ticket.begun = now;
  if (state() == State::open && now >= open_until_) {
    enter(State::half_open, now);
    ticket.begins_probing = true;
  }
  ticket.generation = generation_.load();
  ticket.is_probe = state() == State::half_open && probes_ < settings_.half_open_requests;
  if (ticket.is_probe) ++probes_;
  ticket.is_admitted = ticket.is_probe || state() == State::closed;
  if (ticket.is_admitted) return ticket;
  if (mode() == Mode::open) {
    ticket.refusal = Refusal::by_hand;
    return ticket;
  }
  if (state() == State::half_open) ticket.refusal = Refusal::probing;
  const auto left = std::chrono::ceil<std::chrono::seconds>(open_until_ - now).count();
  ticket.retry_after = static_cast<std::uint32_t>(std::max<std::int64_t>(left, 1));
  return ticket;
}

void Breaker::enter(State state, Time now) {
  probes_ = successes_ = 0;
  since_ = now;
  if (state == State::closed) counts_.clear();
  if (state == State::closed && slow_) slow_->clear();
  state_.store(state);
  generation_.fetch_add(1);
}

// Twice as long each time that a probe fails. Opened from closed it goes on where it was, unless it
// stayed closed for a whole window.
void Breaker::open(Time now, double jitter) {
  const bool is_after_probe = state() == State::half_open;
  const bool begins_anew = !is_after_probe && now - since_ >= settings_.window;
  if (is_after_probe) opens_for_ *= 2;
  if (begins_anew || opens_for_ == base::Millis{0}) opens_for_ = settings_.first_open_for;
  opens_for_ = std::min(opens_for_, settings_.open_for);
  enter(State::open, now);
  open_until_ =
      now + opens_for_ + std::chrono::duration_cast<base::Duration>(opens_for_ * jitter / 10);
}

std::optional<Breaker::Snapshot> Breaker::succeeded(const Ticket& ticket, std::size_t shard,
                                                    Time now, double jitter) {
  if (!is_current(ticket)) return std::nullopt;
  if (ticket.is_probe)
    return is_slow(ticket) ? opened(ticket, now, jitter) : probe_succeeded(ticket, now);
  return count(ticket, shard, now, false, jitter);
}

std::optional<Breaker::Snapshot> Breaker::failed(const Ticket& ticket, std::size_t shard, Time now,
                                                 double jitter) {
  if (!is_current(ticket)) return std::nullopt;
  return ticket.is_probe ? opened(ticket, now, jitter) : count(ticket, shard, now, true, jitter);
}

std::optional<Breaker::Snapshot> Breaker::count(const Ticket& ticket, std::size_t shard, Time now,
                                                bool has_failed, double jitter) {
  counts_.add(shard, now, has_failed);
  if (slow_) slow_->add(shard, now, is_slow(ticket));
  const bool is_enough = (has_failed && is_too_much(counts_.sums(now))) ||
                         (is_slow(ticket) && are_too_slow(slow_->sums(now)));
  return is_enough ? opened(ticket, now, jitter) : std::nullopt;
}

std::optional<Breaker::Snapshot> Breaker::probe_succeeded(const Ticket& ticket, Time now) {
  const std::lock_guard lock(mutex_);
  if (!is_current(ticket)) return std::nullopt;
  --probes_;
  if (++successes_ < settings_.success_threshold) return std::nullopt;
  const Snapshot closed{State::closed, now, base::never, counts_.sums(now), {}, true};
  enter(State::closed, now);
  return closed;
}

std::optional<Breaker::Snapshot> Breaker::opened(const Ticket& ticket, Time now, double jitter) {
  const std::lock_guard lock(mutex_);
  if (!is_current(ticket) || mode() == Mode::closed) return std::nullopt;
  open(now, jitter);
  const SlidingCounts::Sums slow = slow_ ? slow_->sums(now) : SlidingCounts::Sums();
  return Snapshot{State::open, now, open_until_, counts_.sums(now), slow, ticket.is_probe};
}

void Breaker::set(Mode mode, Time now) {
  const std::lock_guard lock(mutex_);
  const Mode before = mode_.exchange(mode);
  if (before == mode) return;
  opens_for_ = base::Millis{0};
  if (mode == Mode::closed) return enter(State::closed, now);
  if (mode == Mode::automatic && before == Mode::closed) return;
  enter(State::open, now);
  open_until_ = mode == Mode::open ? base::never : now;
}

bool Breaker::is_too_much(const SlidingCounts::Sums& sums) const {
  return sums.all >= settings_.request_volume && sums.marked >= settings_.failure_threshold &&
         sums.marked * 10'000 >= settings_.failure_ratio * sums.all;
}

bool Breaker::are_too_slow(const SlidingCounts::Sums& sums) const {
  return sums.all >= settings_.request_volume &&
         sums.marked * 10'000 >= settings_.slow.ratio * sums.all;
}

void Breaker::without_outcome(const Ticket& ticket) {
  if (!ticket.is_probe) return;
  const std::lock_guard lock(mutex_);
  if (is_current(ticket)) --probes_;
}

Breaker::Snapshot Breaker::snapshot(Time now) const {
  const std::lock_guard lock(mutex_);
  return {state(),           since_,
          state() == State::open ? open_until_ : base::never,
          counts_.sums(now), slow_ ? slow_->sums(now) : SlidingCounts::Sums(),
          false};
}

}  // namespace filters
