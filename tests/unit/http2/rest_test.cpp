// A connection that was without a stream for a while: it does with less, and nobody notices.
#include "tests/unit/http2/pair.hpp"

#include <doctest/doctest.h>

namespace {

using namespace http2_test;

struct Rested : Pair {
  Rested() {
    join();
    answer_one();
    const base::Time later = base::Clock::now() + std::chrono::milliseconds(1'300);
    while (base::Clock::now() < later) loop.turn(base::Millis{100});
    REQUIRE_FALSE(is_server_closed);
  }
  void answer_one() {
    Asked& asked = ask(get());
    REQUIRE(wait(asked));
    CHECK(!asked.error);
    CHECK(asked.status == 200);
  }
  bool ends() {
    return turn_until(loop, [&] { return is_server_closed; });
  }
};

TEST_CASE_FIXTURE(Rested, "h2 rest: the next requests are answered") {
  answer_one();
  answer_one();
}

TEST_CASE_FIXTURE(Rested, "h2 rest: it ends as any connection that is idle") {
  SUBCASE("when its client leaves") { client.reset(); }
  SUBCASE("when it drains") { server->drain(); }
  SUBCASE("when it is cut") { server->cut(); }
  CHECK(ends());
}

struct BrieflyIdle : Pair {
  BrieflyIdle() { server_settings.idle_timeout = base::Millis{1'500}; }
};

TEST_CASE_FIXTURE(BrieflyIdle, "h2 rest: it has its idle timeout") {
  join();
  const base::Time begun = base::Clock::now();
  CHECK(turn_until(loop, [&] { return is_server_closed; }));
  CHECK(base::Clock::now() - begun >= std::chrono::milliseconds(1'400));
}

}  // namespace
