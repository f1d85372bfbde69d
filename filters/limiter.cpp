#include "filters/limiter.hpp"

#include <algorithm>

namespace filters {

using base::Duration;
using base::Time;

Time Limiter::next(Time from) const {
  if (!is_bucket()) return next_in_windows(from);
  if (full_at_ == Time::min()) return from;
  return std::max(from, full_at_ - spaced(settings_.burst - 1));
}

Time Limiter::next(Time from, std::uint64_t ahead) const {
  const Time first = next(from);
  if (ahead == 0) return first;
  if (is_bucket()) {
    const std::uint64_t at_once = left(from);
    return ahead < at_once ? first : first + spaced(ahead - (at_once > 0 ? at_once - 1 : 0));
  }
  const std::int64_t window = window_of(first);
  const std::uint64_t before = used(window) + ahead;
  const auto later = static_cast<std::int64_t>(before / settings_.count);
  return later == 0 ? first : begin_of(window + later);
}

void Limiter::take(Time at) {
  if (is_bucket()) {
    if (full_at_ == Time::min() || at - full_at_ >= spaced(1)) {
      full_at_ = at;
      part_ = 0;
    }
    const auto window = static_cast<std::uint64_t>(Duration(settings_.window).count());
    part_ += window % settings_.count;
    full_at_ += Duration(window / settings_.count + part_ / settings_.count);
    part_ %= settings_.count;
    return;
  }
  const std::int64_t window = window_of(at);
  if (window != window_) {
    used_before_ = window == window_ + 1 ? used_ : 0;
    used_ = 0;
    window_ = window;
  }
  ++used_;
}

std::uint64_t Limiter::left(Time now) const {
  if (is_bucket()) {
    if (full_at_ <= now) return settings_.burst;
    const Duration missing = full_at_ - now;
    const auto taken = static_cast<std::uint64_t>(
        (static_cast<double>(missing.count()) * static_cast<double>(settings_.count)) /
            static_cast<double>(Duration(settings_.window).count()) +
        0.999'999);
    return taken >= settings_.burst ? 0 : settings_.burst - taken;
  }
  const std::int64_t window = window_of(now);
  if (window < window_) return 0;
  const Duration into = now - begin_of(window);
  const double share = 1 - static_cast<double>(into.count()) /
                               static_cast<double>(Duration(settings_.window).count());
  const auto spent =
      used(window) + static_cast<std::uint64_t>(static_cast<double>(carried(window)) * share);
  return spent >= settings_.count ? 0 : settings_.count - spent;
}

Duration Limiter::until_whole(Time now) const {
  if (is_bucket()) return full_at_ <= now ? Duration::zero() : full_at_ - now;
  const std::int64_t window = std::max(window_of(now), window_);
  const std::int64_t counted = settings_.algorithm == Algorithm::sliding_window ? 2 : 1;
  return window >= window_ + counted ? Duration::zero() : begin_of(window_ + counted) - now;
}

Duration Limiter::spaced(std::uint64_t requests) const {
  const auto window = static_cast<std::uint64_t>(Duration(settings_.window).count());
  return Duration(window / settings_.count * requests +
                  window % settings_.count * requests / settings_.count);
}

std::int64_t Limiter::window_of(Time time) const {
  return time.time_since_epoch() / Duration(settings_.window);
}

Time Limiter::begin_of(std::int64_t window) const {
  return Time(Duration(settings_.window) * window);
}

std::uint64_t Limiter::used(std::int64_t window) const {
  return window == window_ ? used_ : 0;
}

std::uint64_t Limiter::carried(std::int64_t window) const {
  if (settings_.algorithm != Algorithm::sliding_window) return 0;
  if (window == window_) return used_before_;
  return window == window_ + 1 ? used_ : 0;
}

// A window whose count is reached has no moment left; one in which the window before it still
// counts has one as soon as enough of that has slid out.
Time Limiter::next_in_windows(Time from) const {
  std::int64_t window = std::max(window_of(from), window_);
  if (used(window) >= settings_.count) ++window;
  const Time begin = begin_of(window);
  const std::uint64_t before = carried(window);
  const std::uint64_t all = before + used(window);
  if (all < settings_.count || before == 0) return std::max(from, begin);
  const std::uint64_t excess = all - settings_.count;
  const auto length = static_cast<std::uint64_t>(Duration(settings_.window).count());
  const Duration slid(length / before * excess + length % before * excess / before + 1);
  return std::max(from, begin + slid);
}

}  // namespace filters
