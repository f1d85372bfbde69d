#include "proxy/base/timer_wheel.hpp"

#include <algorithm>
#include <bit>

namespace base {

std::uint64_t TimerWheel::tick_at(Time time, bool round_up) const {
  if (time <= start_) return 0;
  constexpr Duration tick = Millis{1};
  const Duration since = time - start_;
  const auto whole = static_cast<std::uint64_t>(since / tick);
  return round_up && since % tick != Duration::zero() ? whole + 1 : whole;
}

void TimerWheel::arm(Timer& timer, Time due) {
  timer.unlink();
  if (due == never) return;
  timer.tick = tick_at(due, true);
  place(timer);
}

// The level is that of the highest digit in which the timer's tick differs from the present one.
void TimerWheel::place(Timer& timer) {
  const std::uint64_t tick = std::max(timer.tick, elapsed_ + 1);
  const std::uint64_t differs = (tick ^ elapsed_) | (slots - 1);
  const int level = std::min((63 - std::countl_zero(differs)) / bits, levels - 1);
  const std::uint64_t slot = (tick >> (level * bits)) & (slots - 1);
  Level& at = levels_[static_cast<std::size_t>(level)];
  at.occupied |= 1ULL << slot;
  at.slot[slot].push_back(timer);
}

bool TimerWheel::find_next(Expiration& found) const {
  for (int i = 0; i < levels; ++i) {
    const Level& level = levels_[static_cast<std::size_t>(i)];
    const int shift = i * bits;
    const std::uint64_t now_slot = (elapsed_ >> shift) & (slots - 1);
    while (level.occupied) {
      const auto ahead = static_cast<std::uint64_t>(
          std::countr_zero(std::rotr(level.occupied, static_cast<int>(now_slot))));
      const std::uint64_t slot = (now_slot + ahead) & (slots - 1);
      if (level.slot[slot].empty()) {
        level.occupied &= ~(1ULL << slot);
        continue;
      }
      const std::uint64_t range = 1ULL << (shift + bits);
      std::uint64_t tick = (elapsed_ & ~(range - 1)) + (slot << shift);
      if (tick <= elapsed_) tick += range;
      found = {i, slot, tick};
      return true;
    }
  }
  return false;
}

void TimerWheel::advance(Time now) {
  const std::uint64_t target = tick_at(now, false);
  Expiration next{};
  while (find_next(next) && next.tick <= target) {
    elapsed_ = next.tick;
    Level& level = levels_[static_cast<std::size_t>(next.level)];
    level.occupied &= ~(1ULL << next.slot);
    List<Timer> due;
    due.take(level.slot[next.slot]);
    while (Timer* timer = due.pop_front()) {
      if (timer->tick <= elapsed_)
        timer->expired();
      else
        place(*timer);
    }
  }
  elapsed_ = std::max(elapsed_, target);
}

Time TimerWheel::next() const {
  Expiration found{};
  if (!find_next(found)) return never;
  return start_ + Millis{static_cast<Millis::rep>(found.tick)};
}

}  // namespace base
