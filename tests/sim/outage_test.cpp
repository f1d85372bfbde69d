#include "tests/sim/simulated.hpp"

namespace {

using namespace sim_test;

// Upstream load for each request that was offered, while every answer is an error.
Simulated::Span in_outage(const std::string& rate, const std::string& retry) {
  Simulated run(config_of("    outlier: { max_ejected: 0% }\n    filters: [" + retry + "]\n", 3),
                "for: 90s\nrate: " + rate +
                    "\nevents: [{ at: 30s, for: 40s, what: errors, service: app }]\n");
  const Simulated::Span after = run.between(72, 90);
  CHECK(after.success() == 1.0);
  CHECK(after.load() <= 1.02);
  // Three of the budget's windows, when it has come to be of the outage alone.
  return run.between(40, 70);
}

TEST_CASE("an outage: by default retries add a tenth to what is asked, and at least three a second" *
          doctest::skip(sim_test::is_too_slow_here)) {
  MESSAGE("upstream load in a full outage, default budget {ratio: 10%, min: 3/s}:");
  for (const auto& [rate, most] :
       {std::pair{"30/s", 1.11}, {"100/s", 1.11}, {"300/s", 1.11}, {"1000/s", 1.11}}) {
    const Simulated::Span outage = in_outage(rate, "retry: {}");
    MESSAGE("  ", std::string(rate), ": ", outage.load(), " for each request");
    CHECK(outage.success() < 0.01);  // of the last ones, tried again when it is over
    CHECK(outage.load() <= most);
  }
}

TEST_CASE("an outage: what a budget's least adds where little is asked") {
  const Simulated::Span outage = in_outage("30/s", "retry: { budget: { ratio: 10%, min: 10/s } }");
  MESSAGE("upstream load in a full outage at 30/s, budget {ratio: 10%, min: 10/s}: ",
          outage.load());
  CHECK(outage.load() > 1.3);
  CHECK(outage.load() <= 1.36);
}

TEST_CASE("an outage: without a budget every request becomes four") {
  const Simulated::Span outage =
      in_outage("100/s", "retry: { backoff: { base: 1ms }, budget: { ratio: 100%, min: 9999/s } }");
  MESSAGE("upstream load in a full outage without a budget: ", outage.load());
  CHECK(outage.load() > 3.9);
}

TEST_CASE("an outage: below a retry a breaker leaves the upstream alone, and it is well at once") {
  Simulated run(config_of("    outlier: { max_ejected: 0% }\n"
                          "    filters: [retry: {}, circuit_breaker: { open_for: 2s }]\n",
                          3),
                "for: 60s\nrate: 300/s\nsidecars: 10\n"
                "events: [{ at: 20s, for: 20s, what: away, service: app }]\n");
  const Simulated::Span recovery = run.between(43, 45), after = run.between(46, 60);
  MESSAGE("recovery of 10 sidecars: success ", recovery.success(), " in the third second, ",
          after.success(), " then; most upstream load ", recovery.load());
  CHECK(run.between(0, 19).success() == 1.0);
  CHECK(recovery.load() <= 1.1);
  CHECK(after.success() > 0.999);
}

}  // namespace
