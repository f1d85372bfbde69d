// Bronson, Aghayev, Charapko, Zhu: "Metastable failures in distributed systems" (HotOS 2021);
// Huang et al.: "Metastable failures in the wild" (OSDI 2022). A trigger that is long gone, and a
// loop that keeps the failure: work for clients that have left, done again for their retries.
#include "tests/sim/simulated.hpp"

namespace {

using namespace sim_test;

const std::string no_budget = "{ max_retries: 3, attempt_timeout: 500ms, backoff: { base: 50ms }, "
                              "budget: { ratio: 100%, min: 100000/s } }";
const std::string budget = "{ max_retries: 3, attempt_timeout: 500ms, backoff: { base: 50ms } }";

Simulated run(const std::string& retry, int sidecars, const std::string& rules,
              const std::string& event) {
  return Simulated(config_of("    outlier: { max_ejected: 0% }\n    filters: [retry: " + retry +
                             "]\n"),
                   "for: 180s\nrate: 280/s\nsidecars: " + std::to_string(sidecars) +
                       "\nservices: { app: " + rules + " }\nevents: [" + event + "]\n");
}

void say(const std::string& what, const Simulated& run) {
  const Simulated::Span before = run.between(10, 29), trigger = run.between(32, 45),
                        after = run.between(120, 180);
  MESSAGE(what, ": success ", 100 * before.success(), " % before, ", 100 * trigger.success(),
          " % then, ", 100 * after.success(), " % after two minutes; upstream load ",
          after.load());
}

void stays_down(const Simulated& run) {
  CHECK(run.between(10, 29).success() == 1.0);
  CHECK(run.between(120, 180).success() < 0.05);
}

void recovers(const Simulated& run) {
  CHECK(run.between(10, 29).success() == 1.0);
  CHECK(run.between(120, 180).success() > 0.999);
  CHECK(run.between(120, 180).load() < 1.01);
}

// 400 a second can be answered: four servers, 10 ms each.
TEST_CASE("metastable: after a pause of three seconds retries keep a service down for good" *
          doctest::skip(sim_test::is_too_slow_here)) {
  const std::string rules = "{ servers: 4, queue: 100000, time: 10ms }";
  const std::string event = "{ at: 30s, for: 3s, what: pause, service: app }";
  const Simulated without = run(no_budget, 5, rules, event), with = run(budget, 5, rules, event);
  say("a pause of 3 s without a budget", without);
  say("the same with the default budget", with);
  stays_down(without);
  CHECK(without.between(120, 180).load() > 3);
  recovers(with);
}

// Warm 2000 a second can be answered, cold 333; only answers in time make it warm again.
const std::string cached =
    "{ servers: 4, queue: 100000, time: 2ms, cache: { miss: 6, warm_after: 3000 } }";
const std::string loss = "{ at: 30s, what: cache_lost, service: app }, "
                         "{ at: 30s, for: 2s, what: pause, service: app }";

TEST_CASE("metastable: a lost cache stays lost under retries" *
          doctest::skip(sim_test::is_too_slow_here)) {
  const Simulated without = run(no_budget, 1, cached, loss), with = run(budget, 1, cached, loss);
  say("a lost cache and a pause of 2 s without a budget", without);
  say("the same with the default budget", with);
  stays_down(without);
  recovers(with);
}

// The budget's least is of each process: of many that ask little it is most of what they may add.
TEST_CASE("metastable: of many sidecars the budget's least adds up" *
          doctest::skip(sim_test::is_too_slow_here)) {
  const std::string large = budget.substr(0, budget.size() - 2) + ", budget: { min: 10/s } }";
  const Simulated ten = run(large, 5, cached, loss), three = run(budget, 5, cached, loss);
  say("five sidecars, each with a least of 10/s", ten);
  say("five sidecars, each with the default least of 3/s", three);
  CHECK(ten.between(120, 180).load() > 1.15);
  recovers(three);
}

}  // namespace
