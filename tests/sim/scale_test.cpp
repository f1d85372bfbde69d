#include "tests/sim/simulated.hpp"

namespace {

using namespace sim_test;

// A mesh: each sidecar may ask each service. The large one is for `outrider simulate`, in release.
TEST_CASE("a mesh of many sidecars and services goes on in virtual time" *
          doctest::skip(sim_test::is_too_slow_here)) {
  constexpr int services = 20;
  std::string config = "version: 1\nlisteners:\n  egress:\n    bind: 127.0.0.1:0\n    routes:\n";
  std::string clusters = "clusters:\n", rules = "services:\n";
  for (int i = 0; i < services; ++i) {
    const std::string name = "s" + std::to_string(i);
    config += "      - { match: { host: " + name + ".mesh }, to: " + name + " }\n";
    clusters += "  " + name + ": { url: \"https://" + name +
                ".mesh\", filters: [retry: {}, circuit_breaker: {}] }\n";
    rules += "  " + name + ": { endpoints: 3, servers: 32, time: 10ms }\n";
  }
  Simulated run(config + clusters,
                "for: 60s\nrate: 500/s\nsidecars: 200\n" + rules +
                    "events: [{ at: 20s, for: 20s, what: away, service: s3, endpoint: 2 }]\n");
  const Counts total = run.total();
  MESSAGE("200 sidecars, 20 services, a minute: ", total.offered, " requests, ", total.succeeded,
          " succeeded, p99 ", total.latencies.quantile(0.99), " ms");
  CHECK(total.offered == total.ended());
  CHECK(total.succeeded == total.offered);  // the other endpoints take it
  CHECK(run.world().tally().ways().size() == services);
}

}  // namespace
