#include "proxy/simulate/plot.hpp"
#include "proxy/simulate/report.hpp"
#include "tests/sim/simulated.hpp"

namespace {

using namespace sim_test;

const std::string policies =
    config_of("    filters: [throttle: { rate: 250/s }, retry: {}, circuit_breaker: {}]\n", 3);
const std::string troubles =
    "for: 30s\nrate: 300/s\nsidecars: 3\nclients: 20\nservices: { app: { servers: 8 } }\nevents:\n"
    "  - { at: 5s, for: 5s, what: away, service: app, endpoint: 1 }\n"
    "  - { at: 12s, for: 3s, what: silent, service: app, endpoint: 2 }\n"
    "  - { at: 18s, for: 4s, what: errors, service: app, share: 60% }\n";

TEST_CASE("a world: the same seed gives the same bytes, another one others") {
  Simulated one(policies, troubles), two(policies, troubles);
  Simulated other(policies, "seed: 2\n" + troubles);
  CHECK(simulate::report_json(one.world()) == simulate::report_json(two.world()));
  CHECK(simulate::report_text(one.world()) == simulate::report_text(two.world()));
  CHECK(simulate::plot(one.world(), "t") == simulate::plot(two.world(), "t"));
  CHECK(simulate::report_json(one.world()) != simulate::report_json(other.world()));
}

TEST_CASE("a world: whatever is offered comes to one end") {
  Simulated run(policies, troubles);
  const Counts total = run.total();
  CHECK(total.offered > 8'500);
  CHECK(total.offered == total.ended());
  std::uint64_t arrived = 0;
  for (const Origin& each : run.world().origins()) arrived += each.requests();
  CHECK(arrived == run.world().tally().upstream());
}

// Eight servers of 20 ms at 300 a second are busy for three quarters of the time: by Erlang's
// formula one of three requests waits, and then for less than a service.
TEST_CASE("a world: its queues are as long as theory has them" *
          doctest::skip(sim_test::is_too_slow_here)) {
  Simulated run(config_of(""),
                "for: 5m\nrate: 300/s\nnetwork: 1ms\nservices: { app: { servers: 8, time: 20ms, "
                "spread: fixed } }\n");
  const Simulated::Span all = run.between(30, 300);
  MESSAGE("M/D/8 at 75 %: p50 ", all.p50, " ms, p99 ", all.p99, " ms");
  CHECK(all.p50 >= 21);
  CHECK(all.p50 <= 24);
  CHECK(all.p99 > 30);
  CHECK(all.p99 < 60);
}

TEST_CASE("a world: a client that leaves is counted as one that did") {
  Simulated run(config_of(""),
                "for: 5s\npatience: 100ms\nservices: { app: { time: 1s, spread: fixed } }\n");
  CHECK(run.total().succeeded == 0);
  CHECK(run.world().tally().ways().begin()->second.failures.at("client_gone") ==
        run.total().offered);
}

TEST_CASE("a world: of many sidecars each has a breaker, and each probes a dead service") {
  const std::string config = config_of("    filters: [circuit_breaker: { open_for: 5s }]\n");
  const auto opened = [&](int sidecars) {
    Simulated run(config, "for: 30s\nrate: 1000/s\nsidecars: " + std::to_string(sidecars) +
                              "\nevents: [{ at: 5s, what: errors, service: app }]\n");
    return run.between(10, 30).upstream;
  };
  const double one = opened(1), many = opened(20);
  MESSAGE("probes a second of a dead service: ", one, " of one sidecar, ", many, " of twenty");
  CHECK(one < 1);
  CHECK(many > 5 * one);
}

std::string mistake_in(const std::string& scenario) {
  const config::Loaded loaded = config::load_text("test.yaml", config_of("", 2), filters::specs());
  const auto read = simulate::read_scenario_text("s.yaml", scenario, *loaded.config);
  return read.mistakes.empty() ? "" : read.mistakes[0].summary();
}

TEST_CASE("a world: says what of the configuration it has not") {
  const std::string health = "`health` of cluster app";
  Simulated run(config_of("    health: { tcp: true }\n"), "for: 1s\n");
  CHECK(simulate::report_text(run.world()).find("not simulated: " + health) != std::string::npos);
  CHECK(simulate::report_json(run.world()).find("\"not_simulated\":[\"" + health + "\"]") !=
        std::string::npos);
}

TEST_CASE("a scenario: says where it is wrong and what instead") {
  CHECK(mistake_in("rate: 5").find("s.yaml:1:7: ") == 0);
  CHECK(mistake_in("rat: 5/s").find("did you mean \"rate\"?") != std::string::npos);
  CHECK(mistake_in("services: { ap: {} }").find("no cluster \"ap\", did you mean \"app\"?") !=
        std::string::npos);
  CHECK(mistake_in("events: [{ at: 1s }]").find("\"what\" is missing") != std::string::npos);
  CHECK(mistake_in("events: [{ at: 1s, what: asleep }]").find("away, silent") != std::string::npos);
  CHECK(mistake_in("events: [{ at: 1s, what: away, factor: 3 }]")
            .find("\"factor\" has a meaning only with `what: slow`") != std::string::npos);
  CHECK(mistake_in("events: [{ at: 1s, what: away, endpoint: 1 }]").find("of which service?") !=
        std::string::npos);
  CHECK(mistake_in("events: [{ at: 1s, what: away, service: app, endpoint: 3 }]")
            .find("has no endpoint 3, only 2") != std::string::npos);
  CHECK(mistake_in("requests: [{ path: x }]").find("`path` begins with a slash") !=
        std::string::npos);
  CHECK(mistake_in("requests: [{ listener: im }]") ==
        "s.yaml:1:12: test.yaml has no listener \"im\", did you mean \"in\"?");
  CHECK(mistake_in("for: 0s").find("s.yaml:1:6: ") == 0);
  CHECK(mistake_in("services: { app: { servers: 3, cache: { miss: 4 } } }").empty());
}

}  // namespace
