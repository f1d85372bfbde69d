#include <doctest/doctest.h>

#include "filters/breaker.hpp"
#include "filters/retry_policy.hpp"

namespace {

using base::Millis;
using base::Time;
using filters::Breaker;

const Time start = Time{} + std::chrono::hours{24};

void fail(Breaker& breaker, Time now, int times) {
  for (int i = 0; i < times; ++i) {
    const Breaker::Ticket ticket = breaker.admit(now);
    if (ticket.is_admitted) breaker.failed(ticket, now, 0);
  }
}

void succeed(Breaker& breaker, Time now, int times) {
  for (int i = 0; i < times; ++i) {
    const Breaker::Ticket ticket = breaker.admit(now);
    if (ticket.is_admitted) breaker.succeeded(ticket, now);
  }
}

TEST_CASE("a breaker opens when volume, failures and their share are reached") {
  Breaker breaker({});
  SUBCASE("not below the volume") {
    fail(breaker, start, 19);
    CHECK(breaker.state() == Breaker::State::closed);
    fail(breaker, start, 1);
    CHECK(breaker.state() == Breaker::State::open);
  }
  SUBCASE("not below the share") {
    succeed(breaker, start, 80);
    fail(breaker, start, 26);
    CHECK(breaker.state() == Breaker::State::closed);
    fail(breaker, start, 1);
    CHECK(breaker.state() == Breaker::State::open);
  }
  SUBCASE("not from outcomes that left the window") {
    fail(breaker, start, 19);
    fail(breaker, start + std::chrono::seconds{31}, 1);
    CHECK(breaker.state() == Breaker::State::closed);
  }
}

TEST_CASE("an open breaker refuses, then lets probes decide") {
  Breaker breaker({});
  fail(breaker, start, 20);
  const Breaker::Ticket refused = breaker.admit(start + Millis{500});
  CHECK_FALSE(refused.is_admitted);
  CHECK(refused.retry_after == 60);
  CHECK(breaker.admit(start + Millis{59'999}).retry_after == 1);

  Time now = start + std::chrono::seconds{60};
  const Breaker::Ticket probe = breaker.admit(now);
  CHECK(probe.is_admitted);
  CHECK(breaker.state() == Breaker::State::half_open);
  CHECK_FALSE(breaker.admit(now).is_admitted);
  SUBCASE("three successes in a row close it") {
    breaker.succeeded(probe, now);
    succeed(breaker, now, 2);
    CHECK(breaker.state() == Breaker::State::closed);
  }
  SUBCASE("one failure opens it again") {
    breaker.succeeded(probe, now);
    fail(breaker, now, 1);
    CHECK(breaker.state() == Breaker::State::open);
  }
  SUBCASE("a probe without an outcome gives its place back") {
    breaker.without_outcome(probe);
    CHECK(breaker.admit(now).is_admitted);
  }
}

TEST_CASE("outcomes of requests begun in an earlier state are ignored") {
  Breaker breaker({});
  const Breaker::Ticket old = breaker.admit(start);
  fail(breaker, start, 20);
  const Time now = start + std::chrono::seconds{60};
  const Breaker::Ticket probe = breaker.admit(now);
  breaker.failed(old, now, 0);
  CHECK(breaker.state() == Breaker::State::half_open);
  breaker.succeeded(probe, now);
  breaker.succeeded(old, now);
  succeed(breaker, now, 1);
  CHECK(breaker.state() == Breaker::State::half_open);
}

TEST_CASE("the back-off grows to its bound and is spread by its jitter") {
  base::Random random(3);
  filters::Backoff backoff;
  for (const auto& [n, expected] : {std::pair{1, 100}, {2, 200}, {4, 800}, {8, 10'000}, {60, 10'000}}) {
    base::Duration least = base::Duration::max();
    base::Duration most = base::Duration::zero();
    for (int i = 0; i < 300; ++i) {
      const base::Duration delay = backoff.before(static_cast<std::uint64_t>(n), random);
      least = std::min(least, delay);
      most = std::max(most, delay);
    }
    CHECK(least >= Millis{expected * 3 / 4});
    CHECK(most <= Millis{expected * 5 / 4});
    CHECK(most - least > Millis{expected / 4});
  }
}

TEST_CASE("a budget allows its least, and a share of the requests of the last ten seconds") {
  filters::RetryBudget budget({});
  for (int i = 0; i < 3; ++i) CHECK(budget.take(start));
  CHECK_FALSE(budget.take(start));
  for (int i = 0; i < 100; ++i) budget.count_request(start);
  for (int i = 0; i < 7; ++i) CHECK(budget.take(start));
  CHECK_FALSE(budget.take(start));
  const Time later = start + std::chrono::seconds{11};
  for (int i = 0; i < 3; ++i) CHECK(budget.take(later));
  CHECK_FALSE(budget.take(later));
}

}  // namespace
