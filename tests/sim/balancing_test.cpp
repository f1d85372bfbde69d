#include "tests/sim/simulated.hpp"

namespace {

using namespace sim_test;

// The share of an endpoint that becomes ten times slower after ten seconds, in the next second and
// in those after.
struct Shares {
  double first_second = 0, later = 0;
};

Shares shares(const std::string& balancer) {
  const std::string config = config_of("    load_balancer: " + balancer + "\n", 4);
  const std::string events =
      "\nevents: [{ at: 10s, what: slow, service: app, endpoint: 2, factor: 10 }]\n";
  const std::string rules = "services: { app: { time: 20ms, spread: uniform } }\nrate: 400/s\n";
  const auto requests = [&](const std::string& length) {
    Simulated run(config, "for: " + length + "\n" + rules + events);
    std::uint64_t all = 0;
    for (const Origin& each : run.world().origins()) all += each.requests();
    return std::pair{static_cast<double>(run.origin(1).requests()), static_cast<double>(all)};
  };
  const auto before = requests("10s"), second = requests("11s"), later = requests("20s");
  return {(second.first - before.first) / (second.second - before.second),
          (later.first - second.first) / (later.second - second.second)};
}

TEST_CASE("a slow endpoint loses its share within a second under ewma") {
  MESSAGE("one of four endpoints becomes ten times slower; its share in that second, and then:");
  Shares ewma;
  for (const std::string balancer : {"ewma", "least_request", "round_robin", "random"}) {
    const Shares found = shares(balancer);
    MESSAGE("  ", balancer, ": ", 100 * found.first_second, " %, ", 100 * found.later, " %");
    if (balancer == "ewma") ewma = found;
    if (balancer == "round_robin") CHECK(found.later > 0.24);
  }
  CHECK(ewma.first_second < 0.10);
  CHECK(ewma.later < 0.05);
}

}  // namespace
