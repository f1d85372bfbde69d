#include "filters/breaker_group.hpp"
#include "filters/retry_policy.hpp"

#include <doctest/doctest.h>

namespace {

using base::Millis;
using base::Time;
using filters::Breaker;

const Time start = Time{} + std::chrono::hours{24};

void fail(Breaker& breaker, Time now, int times) {
  for (int i = 0; i < times; ++i) {
    const Breaker::Ticket ticket = breaker.admit(now);
    if (ticket.is_admitted) breaker.failed(ticket, 0, now, 0);
  }
}

void succeed(Breaker& breaker, Time now, int times) {
  for (int i = 0; i < times; ++i) {
    const Breaker::Ticket ticket = breaker.admit(now);
    if (ticket.is_admitted) breaker.succeeded(ticket, 0, now);
  }
}

TEST_CASE("a breaker opens when volume, failures and their share are reached") {
  Breaker breaker({}, 1);
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
  Breaker breaker({}, 1);
  fail(breaker, start, 20);
  CHECK_FALSE(breaker.admit(start).is_admitted);
  CHECK(breaker.admit(start).retry_after == 1);
  CHECK_FALSE(breaker.admit(start + Millis{999}).is_admitted);

  Time now = start + Millis{1000};
  const Breaker::Ticket probe = breaker.admit(now);
  CHECK(probe.is_admitted);
  CHECK(probe.begins_probing);
  CHECK(breaker.state() == Breaker::State::half_open);
  CHECK_FALSE(breaker.admit(now).is_admitted);
  SUBCASE("three successes in a row close it") {
    CHECK_FALSE(breaker.succeeded(probe, 0, now));
    succeed(breaker, now, 1);
    const Breaker::Ticket third = breaker.admit(now);
    const auto change = breaker.succeeded(third, 0, now);
    REQUIRE(change);
    CHECK(change->state == Breaker::State::closed);
    CHECK(breaker.state() == Breaker::State::closed);
  }
  SUBCASE("one failure opens it again") {
    breaker.succeeded(probe, 0, now);
    fail(breaker, now, 1);
    CHECK(breaker.state() == Breaker::State::open);
  }
  SUBCASE("a probe without an outcome gives its place back") {
    breaker.without_outcome(probe);
    CHECK(breaker.admit(now).is_admitted);
  }
}

TEST_CASE("a breaker may open for slow calls, whatever they answer") {
  filters::BreakerSettings settings;
  settings.slow = {Millis{500}, 5000};
  Breaker breaker(settings, 1);
  const auto call = [&](Time begun, Millis took) {
    Breaker::Ticket ticket = breaker.admit(begun);
    ticket.took = took;
    return ticket.is_admitted ? breaker.succeeded(ticket, 0, begun + took) : std::nullopt;
  };
  SUBCASE("not for those that take just so long") {
    for (int i = 0; i < 100; ++i) call(start, Millis{500});
    CHECK(breaker.state() == Breaker::State::closed);
  }
  SUBCASE("when they are half of enough outcomes") {
    for (int i = 0; i < 10; ++i) call(start, Millis{10});
    for (int i = 0; i < 9; ++i) CHECK_FALSE(call(start, Millis{501}));
    const auto change = call(start, Millis{501});
    REQUIRE(change);
    CHECK(change->state == Breaker::State::open);
    CHECK(change->slow.marked == 10);
    CHECK(change->slow.all == 20);
    CHECK(change->outcomes.marked == 0);
    // A probe that is slow opens it again.
    call(change->until, Millis{501});
    CHECK(breaker.state() == Breaker::State::open);
  }
}

TEST_CASE("a breaker can be held by hand, and let go") {
  Breaker breaker({}, 1);
  SUBCASE("open: nobody passes, however long") {
    breaker.set(Breaker::Mode::open, start);
    CHECK_FALSE(breaker.admit(start + std::chrono::hours{5}).is_admitted);
    CHECK(breaker.admit(start).retry_after == 0);  // nobody knows
    breaker.set(Breaker::Mode::automatic, start);
    const Breaker::Ticket probe = breaker.admit(start);  // carefully
    CHECK(probe.is_probe);
    CHECK_FALSE(breaker.admit(start).is_admitted);
    breaker.succeeded(probe, 0, start);
    succeed(breaker, start, 2);
    CHECK(breaker.state() == Breaker::State::closed);
  }
  SUBCASE("closed: everybody passes, whatever fails") {
    fail(breaker, start, 20);
    CHECK(breaker.state() == Breaker::State::open);
    breaker.set(Breaker::Mode::closed, start);
    fail(breaker, start, 100);
    CHECK(breaker.state() == Breaker::State::closed);
    breaker.set(Breaker::Mode::automatic, start);
    fail(breaker, start, 1);
    CHECK(breaker.state() == Breaker::State::open);
  }
  SUBCASE("what began before does not count") {
    const Breaker::Ticket straggler = breaker.admit(start);
    breaker.set(Breaker::Mode::open, start);
    breaker.set(Breaker::Mode::automatic, start);
    CHECK_FALSE(breaker.succeeded(straggler, 0, start));
    CHECK_FALSE(breaker.failed(straggler, 0, start, 0));
  }
}

TEST_CASE("a place's breakers: what was said by hand holds for those to come") {
  const auto by_hand = std::make_shared<filters::BreakerSwitch>();
  filters::BreakerGroup group({}, 1, by_hand);
  const auto a = group.of("a");
  CHECK(group.of("a") == a);
  CHECK(group.set("", Breaker::Mode::open, start));
  CHECK(a->state() == Breaker::State::open);
  const auto b = group.of("b");
  CHECK_FALSE(b->admit(start).is_admitted);
  CHECK(group.set("b", Breaker::Mode::automatic, start));
  CHECK(b->admit(start).is_admitted);
  CHECK_FALSE(a->admit(start).is_admitted);
  CHECK_FALSE(group.set("c", Breaker::Mode::open, start));
  CHECK(group.members().size() == 2);
  // Also under another configuration of the filter.
  filters::BreakerGroup next({}, 1, by_hand);
  CHECK_FALSE(next.of("a")->admit(start).is_admitted);
  CHECK(next.of("b")->admit(start).is_admitted);
  // What is said of the place as a whole takes back what was said of a part.
  const auto c = next.of("c");
  CHECK(next.set("c", Breaker::Mode::closed, start));
  CHECK(by_hand->said() == filters::BreakerSwitch::Said{{"", Breaker::Mode::open},
                                                        {"b", Breaker::Mode::automatic},
                                                        {"c", Breaker::Mode::closed}});
  CHECK(next.set("", Breaker::Mode::automatic, start));
  CHECK(by_hand->said().empty());
}

TEST_CASE("a place's breakers: what is held and not in use is known, and can be let go") {
  const auto by_hand = std::make_shared<filters::BreakerSwitch>();
  filters::BreakerGroup group({}, 1, by_hand);
  using Said = filters::BreakerSwitch::Said;
  by_hand->set("a", Breaker::Mode::open);
  by_hand->set("b", Breaker::Mode::closed);
  SUBCASE("with one for each part") {
    CHECK(group.not_in_use() == Said{{"a", Breaker::Mode::open}, {"b", Breaker::Mode::closed}});
    const auto b = group.of("b");
    CHECK(group.not_in_use() == Said{{"a", Breaker::Mode::open}});
    CHECK(group.set("a", Breaker::Mode::automatic, start));
    CHECK(group.not_in_use().empty());
    CHECK(group.of("a")->admit(start).is_admitted);
  }
  SUBCASE("with one for all there are no parts") {
    const auto whole = group.of("");
    CHECK(group.not_in_use().empty());
  }
}

TEST_CASE("a breaker says why it lets nobody through") {
  Breaker breaker({}, 1);
  fail(breaker, start, 20);
  CHECK(breaker.admit(start).refusal == Breaker::Refusal::open);
  const Time later = start + Millis{1'000};
  CHECK(breaker.admit(later).is_probe);
  CHECK(breaker.admit(later).refusal == Breaker::Refusal::probing);
  breaker.set(Breaker::Mode::open, later);
  CHECK(breaker.admit(later).refusal == Breaker::Refusal::by_hand);
}

// How long it stays open, as of `now`.
base::Duration opens_for(const Breaker& breaker, Time now) {
  const Breaker::Snapshot seen = breaker.snapshot(now);
  return seen.state == Breaker::State::open ? seen.until - seen.since : base::Duration::zero();
}

TEST_CASE(
    "a breaker opens twice as long after each probe that fails, and starts anew after a window") {
  Breaker breaker({}, 1);
  Time now = start;
  fail(breaker, now, 20);
  for (const int seconds : {1, 2, 4, 8, 16, 32, 60, 60}) {
    CHECK(opens_for(breaker, now) == std::chrono::seconds{seconds});
    now += std::chrono::seconds{seconds};
    fail(breaker, now, 1);  // the probe
  }
  now += std::chrono::seconds{60};
  succeed(breaker, now, 3);
  CHECK(breaker.state() == Breaker::State::closed);
  SUBCASE("not before") {
    now += Millis{29'999};
    fail(breaker, now, 20);
    CHECK(opens_for(breaker, now) == std::chrono::seconds{60});
  }
  SUBCASE("closed for a whole window") {
    now += Millis{30'000};
    fail(breaker, now, 20);
    CHECK(opens_for(breaker, now) == std::chrono::seconds{1});
  }
}

TEST_CASE("a breaker says what an outcome changed, and what it had seen") {
  Breaker breaker({}, 2);
  const auto outcome = [&](std::size_t shard) {
    return breaker.failed(breaker.admit(start), shard, start, 0.5);
  };
  for (std::size_t i = 0; i < 19; ++i) CHECK_FALSE(outcome(i % 2));
  const auto opened = outcome(1);
  REQUIRE(opened);
  CHECK(opened->state == Breaker::State::open);
  CHECK(opened->until == start + Millis{1050});
  CHECK(opened->outcomes.all == 20);
  CHECK(opened->outcomes.marked == 20);
  CHECK_FALSE(opened->was_probing);
}

TEST_CASE("counts of all shards are one sum, and forgotten together") {
  filters::SlidingCounts counts(std::chrono::seconds{30}, 3);
  for (std::size_t shard = 0; shard < 3; ++shard) counts.add(shard, start, shard == 1);
  CHECK(counts.sums(start).all == 3);
  CHECK(counts.sums(start).marked == 1);
  counts.clear();
  CHECK(counts.sums(start).all == 0);
  counts.add(2, start, true);
  CHECK(counts.sums(start).all == 1);
  CHECK(counts.sums(start).marked == 1);
  CHECK(counts.sums(start + std::chrono::seconds{30}).all == 0);
}

TEST_CASE("outcomes of requests begun in an earlier state are ignored") {
  Breaker breaker({}, 1);
  const Breaker::Ticket old = breaker.admit(start);
  fail(breaker, start, 20);
  const Time now = start + std::chrono::seconds{60};
  const Breaker::Ticket probe = breaker.admit(now);
  breaker.failed(old, 0, now, 0);
  CHECK(breaker.state() == Breaker::State::half_open);
  breaker.succeeded(probe, 0, now);
  breaker.succeeded(old, 0, now);
  succeed(breaker, now, 1);
  CHECK(breaker.state() == Breaker::State::half_open);
}

TEST_CASE("the back-off grows to its bound and is spread by its jitter") {
  base::Random random(3);
  filters::Backoff backoff;
  for (const auto& [n, expected] :
       {std::pair{1, 100}, {2, 200}, {4, 800}, {8, 10'000}, {60, 10'000}}) {
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
  filters::BudgetSettings settings;
  settings.min = {18, std::chrono::minutes{1}};
  filters::RetryBudget budget(settings, 2);
  for (int i = 0; i < 3; ++i) CHECK(budget.take(0, start));
  CHECK_FALSE(budget.take(1, start));
  for (int i = 0; i < 50; ++i) budget.count_request(0, start);
  for (int i = 0; i < 50; ++i) budget.count_request(1, start);
  for (int i = 0; i < 7; ++i) CHECK(budget.take(1, start));
  CHECK_FALSE(budget.take(0, start));
  const Time later = start + std::chrono::seconds{11};
  for (int i = 0; i < 3; ++i) CHECK(budget.take(0, later));
  CHECK_FALSE(budget.take(0, later));
}

TEST_CASE("retry-after is seconds, or a date against the wall clock in any of its three forms") {
  using std::chrono::seconds;
  const std::chrono::sys_seconds wall = std::chrono::sys_days{std::chrono::November / 6 / 1994} +
                                        std::chrono::hours{8} + std::chrono::minutes{49} +
                                        seconds{7};
  const auto wait = [wall](std::string_view text) {
    http::Headers answer;
    answer.add("retry-after", text);
    return filters::retry_after(answer, wall);
  };
  CHECK(wait("120") == seconds{120});
  CHECK(wait("99999999999999999999") > std::chrono::hours{24});
  CHECK(wait("Sun, 06 Nov 1994 08:49:37 GMT") == seconds{30});
  CHECK(wait("Sunday, 06-Nov-94 08:49:37 GMT") == seconds{30});
  CHECK(wait("Sun Nov  6 08:49:37 1994") == seconds{30});
  CHECK(wait("Sun, 06 Nov 1994 08:49:07 GMT") == seconds{0});
  CHECK(wait("Sun, 06 Nov 1994 08:00:00 GMT") == seconds{0});   // it has passed
  CHECK(wait("Monday, 06-Nov-45 08:49:37 GMT") == seconds{0});  // 1945: 2045 is too far ahead
  CHECK(wait("Sun, 06 Nov 2094 08:49:37 GMT") > std::chrono::hours{24});
  for (const char* text :
       {"", "-1", "1.5", "soon", "Sun, 06 Nov 1994 08:49:37", "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Nov 1994 08:49:37 GMT+1",
        "Sun Nov 6 08:49:37 1994", "Foo, 06 Nov 1994 08:49:37 GMT"}) {
    CAPTURE(text);
    CHECK_FALSE(wait(text));
  }
}

}  // namespace
