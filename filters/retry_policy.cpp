#include "filters/retry_policy.hpp"

#include "proxy/base/ascii.hpp"
#include "proxy/http/date.hpp"

#include <algorithm>

namespace filters {

base::Duration Backoff::before(std::uint64_t n, base::Random& random) const {
  base::Millis delay = std::min(base, max);
  for (std::uint64_t i = 1; i < n && delay < max; ++i)
    delay = std::min(max, delay * static_cast<base::Millis::rep>(factor));
  const double share = jitter / 10'000.0;
  return std::chrono::duration_cast<base::Duration>(delay * random.between(1 - share, 1 + share));
}

std::optional<base::Duration> retry_after(const http::Headers& answer,
                                          std::chrono::system_clock::time_point wall) {
  constexpr std::chrono::hours longest{24 * 365};
  constexpr auto most_seconds = static_cast<std::uint64_t>(longest / std::chrono::seconds{1});
  const auto text = answer.find(http::Name::retry_after);
  if (!text) return std::nullopt;
  if (text->find_first_not_of("0123456789") == text->npos && !text->empty()) {
    const auto seconds = base::parse_decimal<std::uint64_t>(*text);
    if (!seconds || *seconds > most_seconds) return longest;
    return std::chrono::seconds(*seconds);
  }
  const auto date = http::parse_date(*text, std::chrono::floor<std::chrono::seconds>(wall));
  if (!date) return std::nullopt;
  const auto left = std::min<std::chrono::system_clock::duration>(*date - wall, longest);
  return std::max(std::chrono::duration_cast<base::Duration>(left), base::Duration::zero());
}

bool RetryBudget::take(std::size_t shard, base::Time now) {
  const std::uint64_t requests = requests_.sums(now).all;
  const std::uint64_t least = settings_.min.count *
                              static_cast<std::uint64_t>(window / base::Millis{1}) /
                              static_cast<std::uint64_t>(settings_.min.per / base::Millis{1});
  const std::uint64_t allowed = std::max(least, requests * settings_.ratio / 10'000);
  if (retries_.sums(now).all >= allowed) return false;
  retries_.add(shard, now, false);
  return true;
}

}  // namespace filters
