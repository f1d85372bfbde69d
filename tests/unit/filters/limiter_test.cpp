#include "filters/limiter.hpp"

#include <doctest/doctest.h>

namespace {

using base::Duration;
using base::Millis;
using base::Time;
using filters::Algorithm;
using filters::Limiter;
using filters::LimiterSettings;

const Time start = Time{} + std::chrono::hours{24};

bool passes(Limiter& limiter, Time now) {
  if (limiter.next(now) > now) return false;
  limiter.take(now);
  return true;
}

int passing_at_once(Limiter& limiter, Time now) {
  int count = 0;
  while (passes(limiter, now)) ++count;
  return count;
}

constexpr Algorithm all[] = {Algorithm::fixed_window, Algorithm::sliding_window,
                             Algorithm::token_bucket, Algorithm::leaky_bucket};

TEST_CASE("a limiter lets a burst pass at once, and the next when there is room") {
  for (const Algorithm algorithm : all) {
    CAPTURE(static_cast<int>(algorithm));
    const std::uint64_t burst = algorithm == Algorithm::leaky_bucket ? 1 : 10;
    Limiter limiter({10, Millis{1'000}, algorithm, burst});
    CHECK(limiter.left(start) == burst);
    CHECK(passing_at_once(limiter, start) == static_cast<int>(burst));
    CHECK(limiter.left(start) == 0);
    const Time again = limiter.next(start);
    CHECK(again > start);
    CHECK(again <= start + std::chrono::seconds{1} + Millis{1});
    CHECK_FALSE(passes(limiter, again - Duration{1}));
    CHECK(passes(limiter, again));
  }
}

TEST_CASE("a limiter admits its rate of three times as many, whole windows long") {
  for (const Algorithm algorithm : all)
    for (const std::uint64_t count : {3u, 100u, 7'000u}) {
      CAPTURE(static_cast<int>(algorithm));
      CAPTURE(count);
      Limiter limiter(
          {count, Millis{1'000}, algorithm, algorithm == Algorithm::leaky_bucket ? 1 : count});
      (void)passing_at_once(limiter, start);
      const Time begin = start + std::chrono::seconds{2};
      const Duration gap = Duration(std::chrono::seconds{1}) / (3 * count);
      std::uint64_t warm = 0;
      for (Time now = start; now < begin; now += gap) warm += passes(limiter, now);
      std::uint64_t admitted = 0;
      for (Time now = begin; now < begin + std::chrono::seconds{20}; now += gap)
        admitted += passes(limiter, now);
      CHECK(admitted >= 20 * count * 99 / 100);
      CHECK(admitted <= 20 * count + count / 100 + 1);
    }
}

TEST_CASE("a limiter's schedule loses nothing to whoever wakes late") {
  // As a queue uses it: each is let in for the moment at which it could first pass.
  for (const Algorithm algorithm : all) {
    CAPTURE(static_cast<int>(algorithm));
    Limiter limiter({5'000, Millis{1'000}, algorithm, 1});
    std::uint64_t admitted = 0;
    Time now = start;
    for (; now < start + std::chrono::seconds{3}; now += Millis{7})
      for (Time due = limiter.next(start); due <= now; due = limiter.next(start)) {
        limiter.take(due);
        ++admitted;
      }
    CHECK(admitted >= 14'850);
    CHECK(admitted <= 20'001);  // windows begin with what may pass in one
  }
}

TEST_CASE("a limiter says when the one behind others would pass") {
  for (const Algorithm algorithm : all) {
    CAPTURE(static_cast<int>(algorithm));
    for (const std::uint64_t ahead : {0u, 1u, 9u, 10u, 35u}) {
      CAPTURE(ahead);
      Limiter limiter({10, Millis{1'000}, algorithm, 4});
      for (int i = 0; i < 3; ++i) {
        const Time due = limiter.next(start);
        limiter.take(due);
      }
      const Time expected = limiter.next(start, ahead);
      for (std::uint64_t i = 0; i < ahead; ++i) {
        const Time due = limiter.next(start);
        limiter.take(due);
      }
      const Duration off = limiter.next(start) - expected;
      // Two windows that overlap are only estimated.
      const Duration allowed = algorithm == Algorithm::sliding_window
                                   ? Duration(std::chrono::seconds{1})
                                   : Duration{100};
      CHECK(off <= allowed);
      CHECK(off >= -allowed);
    }
  }
}

TEST_CASE("a limiter that was idle is whole again, and no more than whole") {
  for (const Algorithm algorithm : all) {
    CAPTURE(static_cast<int>(algorithm));
    Limiter limiter({10, Millis{1'000}, algorithm, 10});
    const int first = passing_at_once(limiter, start);
    const Duration idle = limiter.until_whole(start);
    CHECK(idle > Duration::zero());
    CHECK(idle <= std::chrono::seconds{2});
    CHECK(limiter.until_whole(start + idle) == Duration::zero());
    CHECK(passing_at_once(limiter, start + idle) == first);
    CHECK(passing_at_once(limiter, start + std::chrono::hours{5}) == first);
  }
}

}  // namespace
