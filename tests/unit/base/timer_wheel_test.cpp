#include "proxy/base/timer_wheel.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "proxy/base/random.hpp"

namespace {

using base::Duration;
using base::Millis;
using base::Time;
using base::TimerWheel;

struct Alarm final : base::Timer {
  void expired() override { fired_at = *now; }
  const Time* now = nullptr;
  Time fired_at = base::never;
};

TEST_CASE("timers fire on time at every distance, never early, at most a tick late") {
  const Time start = Time{} + std::chrono::hours{1};
  Time now = start;
  TimerWheel wheel(start);
  base::Random random(7);
  struct Planned {
    Alarm alarm;
    Time due;
  };
  std::vector<std::unique_ptr<Planned>> all;
  for (int i = 0; i < 3000; ++i) {
    auto planned = std::make_unique<Planned>();
    const auto bits = random.below(34);
    planned->due = start + std::chrono::microseconds(random.below(1ULL << bits));
    planned->alarm.now = &now;
    wheel.arm(planned->alarm, planned->due);
    all.push_back(std::move(planned));
  }
  while (wheel.next() != base::never) {
    REQUIRE(wheel.next() >= now);
    now = wheel.next();
    wheel.advance(now);
  }
  for (const auto& planned : all) {
    REQUIRE(planned->alarm.fired_at >= planned->due);
    REQUIRE(planned->alarm.fired_at <= planned->due + Millis{2});
  }
}

TEST_CASE("a cancelled or dead timer does not fire, a moved one fires once at its new time") {
  const Time start{};
  Time now = start;
  TimerWheel wheel(start);
  Alarm cancelled, moved;
  cancelled.now = moved.now = &now;
  wheel.arm(cancelled, start + Millis{5});
  wheel.arm(moved, start + Millis{5});
  {
    Alarm dead;
    wheel.arm(dead, start + Millis{5});
  }
  cancelled.cancel();
  wheel.arm(moved, start + Millis{50});
  now = start + Millis{49};
  wheel.advance(now);
  CHECK(cancelled.fired_at == base::never);
  CHECK(moved.fired_at == base::never);
  now = start + Millis{50};
  wheel.advance(now);
  CHECK(moved.fired_at == now);
  CHECK(wheel.next() == base::never);
}

TEST_CASE("a time that has passed fires at the next advance") {
  const Time start{};
  Time now = start + std::chrono::seconds{3};
  TimerWheel wheel(start);
  wheel.advance(now);
  Alarm late;
  late.now = &now;
  wheel.arm(late, start);
  now += Millis{1};
  wheel.advance(now);
  CHECK(late.fired_at == now);
}

}  // namespace
