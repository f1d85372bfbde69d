#include "tests/sim/simulated.hpp"

namespace {

using namespace sim_test;

// How unevenly requests came in ten moments from `from` on: the coefficient of variation.
double variation(Simulated& run, double from, double until) {
  const double step = std::chrono::duration<double>(run.world().tally().step()).count();
  double sum = 0, squares = 0, count = 0, at = 0;
  for (const Moment& moment : run.world().tally().moments()) {
    if (at >= from - step / 2 && at < until - step / 2) {
      const auto value = static_cast<double>(moment.upstream);
      sum += value;
      squares += value * value;
      ++count;
    }
    at += step;
  }
  const double mean = sum / count;
  return std::sqrt(std::max(squares / count - mean * mean, 0.0)) / mean;
}

// A thousand clients, each of a sidecar of its own, ask at the same moment; what they ask is
// answered with an error for a second, and tried again.
Simulated start(const std::string& jitter) {
  return Simulated(config_of("    outlier: { max_ejected: 0% }\n    filters:\n"
                             "      - retry: { max_retries: 5, "
                             "budget: { ratio: 100%, min: 1000/s }, "
                             "backoff: { base: 1s, factor: 1, jitter: " +
                             jitter + " } }\n"),
                   "for: 10s\nsidecars: 1000\nrate: 100/s\narrivals: together\n"
                   "services: { app: { time: 1ms, spread: fixed } }\n"
                   "events: [{ at: 0s, for: 3500ms, what: errors, service: app }]\n");
}

TEST_CASE("jitter spreads a start of all at once") {
  Simulated with = start("25%"), without = start("0%");
  // The retries of the fourth round: about the fourth second.
  const double spread = variation(with, 3.0, 5.0), together = variation(without, 3.0, 5.0);
  MESSAGE("requests in tenths of a second about the last round of retries, coefficient of "
          "variation: ",
          spread, " with 25 % of jitter, ", together, " without");
  CHECK(together > 2.9);
  CHECK(spread < 0.8);
  CHECK(with.total().succeeded == 1000);
  CHECK(without.total().succeeded == 1000);
}

}  // namespace
