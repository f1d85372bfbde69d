// The units of time that travel through the program. Steady time: it does not move when the wall
// clock is set. The wall's is for people, who read it in logs and identifiers.
#pragma once

#include <chrono>

namespace base {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using Duration = Clock::duration;
using WallTime = std::chrono::system_clock::time_point;
using Millis = std::chrono::milliseconds;

// A deadline that never comes.
inline constexpr Time never = Time::max();

// `from` + `after`, or never if `after` is 0 ("no bound" in the configuration).
constexpr Time deadline(Time from, Duration after) {
  return after == Duration::zero() ? never : from + after;
}

}  // namespace base
