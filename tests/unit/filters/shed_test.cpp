#include "filters/shed_level.hpp"
#include "tests/unit/filters/workers.hpp"

#include <doctest/doctest.h>

namespace {

using namespace filters_test;
using base::Time;
using filters::ShedLevel;

const Time start = Time{} + std::chrono::hours{24};

TEST_CASE("a shed level rises by one in each interval over the bound, and falls below 95 % of it") {
  ShedLevel shed({9'000, {}, {}}, 1);
  Time now = start;
  for (int expected = 1; expected <= 12; ++expected, now += Millis{250}) {
    const auto change = shed.step(now, 9'001);
    CHECK(shed.level() == std::min(expected, 10));
    CHECK(change.has_value() == (expected <= 10));
    CHECK_FALSE(shed.step(now + Millis{249}, 9'001));
  }
  for (int i = 0; i < 5; ++i, now += Millis{250}) shed.step(now, 8'700);  // between: it stays
  CHECK(shed.level() == 10);
  for (int expected = 9; expected >= 0; --expected, now += Millis{250}) {
    shed.step(now, 8'549);
    CHECK(shed.level() == expected);
  }
}

TEST_CASE("a shed level falls for intervals in which nobody came, but rises only by one") {
  ShedLevel shed({9'000, {}, {}}, 1);
  Time now = start;
  for (int i = 0; i < 8; ++i, now += Millis{250}) shed.step(now, 10'000);
  CHECK(shed.level() == 8);
  shed.step(now + Millis{500}, 0);
  CHECK(shed.level() == 5);
  shed.step(now + std::chrono::minutes{5}, 0);
  CHECK(shed.level() == 0);
  shed.step(now + std::chrono::minutes{9}, 10'000);
  CHECK(shed.level() == 1);
}

TEST_CASE("a shed level goes by the mean latency of all workers, and by the latest loop") {
  SUBCASE("latency") {
    ShedLevel shed({0, Millis{100}, {}}, 2);
    shed.step(start, 0);
    shed.saw_latency(0, Millis{50});
    shed.saw_latency(1, Millis{160});
    const auto change = shed.step(start + Millis{250}, 10'000);
    REQUIRE(change);
    CHECK(change->to == 1);
    CHECK(change->cause == ShedLevel::Cause::latency);
    shed.saw_latency(0, Millis{10});  // of this interval alone
    CHECK(shed.step(start + Millis{500}, 10'000)->to == 0);
  }
  SUBCASE("lag") {
    ShedLevel shed({0, {}, Millis{100}}, 2);
    shed.saw_lag(1, Millis{101});
    shed.saw_lag(1, Millis{1});
    shed.saw_lag(0, Millis{3});
    CHECK(shed.step(start, 0)->cause == ShedLevel::Cause::loop_lag);
    CHECK(shed.step(start + Millis{250}, 0)->to == 0);
  }
}

int admitted(Process& process, const std::string& priority, bool is_trusted = true) {
  Call call(process[0], "/", {{"x-priority", priority}});
  call.info().is_trusted = is_trusted;
  call.begin();
  if (!call.is_admitted()) {
    CHECK(call.reason() == Reason::shed);
    CHECK(call.error().retry_after == 1);
  }
  return call.is_admitted();
}

TEST_CASE("shed: refuses the lowest priorities first, and believes only who may say one") {
  Process process("[{ shed: { memory: 80% } }]");
  CHECK(admitted(process, "0"));
  process[0].memory = 8'100;
  for (int level = 1; level <= 4; ++level) {
    process.advance(Millis{250});
    CHECK_FALSE(admitted(process, std::to_string(level - 1)));
    CHECK(admitted(process, std::to_string(level)));
    CHECK(admitted(process, "0", false));
    CHECK(admitted(process, "high"));  // is 5
  }
  CHECK(process.metrics.render().find("outrider_shed_level{place=\"cluster c\"} 4") !=
        std::string::npos);
  for (int i = 0; i < 2; ++i) {
    process.advance(Millis{250});
    CHECK(admitted(process, "9"));
  }
  CHECK_FALSE(admitted(process, "9", false));  // level 6: who is not believed has 5
  process[0].memory = 0;
  process.advance(Millis{250} * 6);
  CHECK(admitted(process, "0"));
}

TEST_CASE("shed: sees answers that take too long") {
  Process process("[{ shed: { latency: 20ms } }]");
  process[0].upstream.time = [](const Request&) { return Millis{30}; };
  Call first(process[0], "/", {{"x-priority", "0"}});
  first.info().is_outbound = true;
  first.begin();
  process.advance(Millis{260});
  CHECK(first.is_admitted());
  CHECK_FALSE(admitted(process, "0"));
}

TEST_CASE("shed: a selector that knows no route yet is a mistake on a listener") {
  const config::Loaded loaded = config::load_text(
      "test.yaml",
      "version: 1\nlisteners:\n  in: { bind: 127.0.0.1:0, routes: [{ to: c }], "
      "filters: [{ shed: { priority: cluster } }] }\nclusters:\n  c: { url: http://a }\n",
      filters::specs());
  CHECK_FALSE(loaded.config);
}

}  // namespace
