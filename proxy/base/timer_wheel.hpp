// Deadlines by the million: a hierarchical wheel (Varghese and Lauck, 1987) of one-millisecond
// ticks. Adding and cancelling are constant time; a timer never fires early and at most one tick
// late. One thread.
#pragma once

#include <array>
#include <cstdint>

#include "proxy/base/link.hpp"
#include "proxy/base/time.hpp"

namespace base {

class Timer : public Link {
 public:
  virtual void expired() = 0;  // called by the loop, the timer being out of the wheel

  bool is_armed() const { return is_linked(); }
  void cancel() { unlink(); }
  std::uint64_t tick = 0;  // the wheel's own

 protected:
  ~Timer() = default;
};

class TimerWheel {
 public:
  explicit TimerWheel(Time start) : start_(start) {}

  // Arms the timer, or moves it if it is armed. A time that has passed fires at the next advance;
  // `never` only disarms it.
  void arm(Timer& timer, Time due);
  // Fires all that is due at `now`.
  void advance(Time now);
  // When advance() has something to do next (at the latest; a coarse level may wake it to sort).
  Time next() const;

 private:
  static constexpr int levels = 7;
  static constexpr int bits = 6;
  static constexpr std::uint64_t slots = 1U << bits;

  struct Level {
    mutable std::uint64_t occupied = 0;  // a bit may outlive its timers: cancelling leaves it set
    std::array<List<Timer>, slots> slot;
  };
  struct Expiration {
    int level;
    std::uint64_t slot;
    std::uint64_t tick;
  };

  std::uint64_t tick_at(Time time, bool round_up) const;
  void place(Timer& timer);
  bool find_next(Expiration& found) const;

  Time start_;
  std::uint64_t elapsed_ = 0;  // ticks
  std::array<Level, levels> levels_;
};

}  // namespace base
