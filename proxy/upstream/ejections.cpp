#include "proxy/upstream/ejections.hpp"

#include <algorithm>

namespace upstream {

// Each `eject_for` that it was not ejected takes one back.
base::Duration Ejections::next(base::Millis eject_for, base::Time now, double unit) {
  constexpr double jitter = 0.1;
  const auto held_out = (now - returned_at_) / base::Duration(eject_for);
  count_ -= static_cast<std::uint32_t>(std::clamp<std::int64_t>(held_out, 0, count_));
  ++count_;
  const base::Duration plain =
      std::min<base::Duration>(base::Duration(eject_for) * count_, longest);
  return std::chrono::duration_cast<base::Duration>(plain * (1 - jitter + 2 * jitter * unit));
}

}  // namespace upstream
