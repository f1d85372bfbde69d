// When one more request may pass, by one of four algorithms: the policy of a throttle, apart from
// the filter. Time is an argument. A value; whoever shares one locks.
//
// token_bucket and leaky_bucket are the same algorithm (GCRA, ITU-T I.371: a bucket that is full
// again at a known time) with different bursts: as many as the rate's count, or one. Whoever comes
// less than one spacing after the moment at which it could have passed does not delay those behind
// it: else a bucket of one would never reach its rate.
#pragma once

#include "proxy/base/time.hpp"

#include <cstdint>

namespace filters {

enum class Algorithm : std::uint8_t { fixed_window, sliding_window, token_bucket, leaky_bucket };

struct LimiterSettings {
  std::uint64_t count = 100;   // requests, at most a million
  base::Millis window{1'000};  // in so much time: 1 s, 1 min or 1 h
  Algorithm algorithm = Algorithm::token_bucket;
  std::uint64_t burst = 100;  // of the two buckets: how many may pass at once, at most a million
};

class Limiter {
 public:
  explicit Limiter(const LimiterSettings& settings) : settings_(settings) {}

  // The first moment from `from` on at which one more may pass.
  base::Time next(base::Time from) const;
  // The same for the one that comes after `ahead` others.
  base::Time next(base::Time from, std::uint64_t ahead) const;
  // One passes at `at`, which next() gave. Moments never go back.
  void take(base::Time at);

  // How many could pass at once now.
  std::uint64_t left(base::Time now) const;
  // When all that may pass at once could, if none came until then.
  base::Duration until_whole(base::Time now) const;

 private:
  bool is_bucket() const { return settings_.algorithm >= Algorithm::token_bucket; }
  base::Duration spaced(std::uint64_t requests) const;  // what so many take at the rate
  std::int64_t window_of(base::Time time) const;
  base::Time begin_of(std::int64_t window) const;
  base::Time next_in_windows(base::Time from) const;
  // Of the window: what those before it still count, so far into it.
  std::uint64_t carried(std::int64_t window) const;
  std::uint64_t used(std::int64_t window) const;

  LimiterSettings settings_;

  base::Time full_at_ = base::Time::min();  // of a bucket
  std::uint64_t part_ = 0;                  // of a nanosecond beyond full_at_, in 1/count

  std::int64_t window_ = INT64_MIN;  // the last in which one passed
  std::uint64_t used_ = 0;           // in it
  std::uint64_t used_before_ = 0;    // in the one before it
};

}  // namespace filters
