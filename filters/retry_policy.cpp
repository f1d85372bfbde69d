#include "filters/retry_policy.hpp"

#include <algorithm>

namespace filters {

base::Duration Backoff::before(std::uint64_t n, base::Random& random) const {
  base::Millis delay = std::min(base, max);
  for (std::uint64_t i = 1; i < n && delay < max; ++i)
    delay = std::min(max, delay * static_cast<base::Millis::rep>(factor));
  const double share = jitter / 10'000.0;
  return std::chrono::duration_cast<base::Duration>(delay * random.between(1 - share, 1 + share));
}

bool RetryBudget::take(base::Time now) {
  const std::uint64_t requests = requests_.sums(now).all;
  const std::uint64_t allowed = std::max(settings_.min, requests * settings_.ratio / 10'000);
  if (retries_.sums(now).all >= allowed) return false;
  retries_.add(now, false);
  return true;
}

}  // namespace filters
