#include "tests/sim/simulated.hpp"

#include <algorithm>
#include <array>

namespace {

using namespace sim_test;

struct Order {
  std::string name;
  Simulated::Span half, outage, recovery;
  std::uint64_t breaker_changes;
};

std::string options_of(const std::string& filter) {
  if (filter == "throttle") return "throttle: { rate: 260/s, burst: 26 }";
  if (filter == "retry") return "retry: { backoff: { base: 20ms }, budget: { ratio: 100% } }";
  return "circuit_breaker: { open_for: 2s, window: 10s }";
}

// 200 requests a second under a throttle of 260; two of five answers are errors for 20 s, then all
// of them are for 20 s.
Order go(const std::array<std::string, 3>& filters) {
  std::string list, name;
  for (const std::string& each : filters) {
    list += (list.empty() ? "" : ", ") + options_of(each);
    name += (name.empty() ? "" : " > ") + each;
  }
  Simulated run(config_of("    outlier: { max_ejected: 0% }\n    filters: [" + list + "]\n", 3),
                "for: 80s\nrate: 200/s\narrivals: even\nevents:\n"
                "  - { at: 20s, for: 20s, what: errors, service: app, share: 40% }\n"
                "  - { at: 40s, for: 20s, what: errors, service: app }\n");
  return {name, run.between(22, 40), run.between(44, 60), run.between(70, 80),
          run.world().tally().changes()};
}

TEST_CASE("breaker, retry and throttle: what each order of the chain does" *
          doctest::skip(sim_test::is_too_slow_here)) {
  std::array<std::string, 3> filters = {"circuit_breaker", "retry", "throttle"};
  std::vector<Order> all;
  do all.push_back(go(filters));
  while (std::next_permutation(filters.begin(), filters.end()));
  MESSAGE("200/s, throttle 260/s; upstream a second and success, of 40 % errors and of an outage:");
  for (const Order& each : all)
    MESSAGE("  ", each.name, ": ", each.half.upstream, "/s ", 100 * each.half.success(), " % | ",
            each.outage.upstream, "/s | breaker changed ", each.breaker_changes,
            " times | after: ", 100 * each.recovery.success(), " %");
  const auto is_above = [](const Order& order, const std::string& upper, const std::string& lower) {
    return order.name.find(upper) < order.name.find(lower);
  };
  for (const Order& each : all) {
    CAPTURE(each.name);
    CHECK(each.recovery.success() > 0.99);
    CHECK(each.outage.upstream < 20);  // the breaker leaves it alone, wherever it stands
    const bool counts_exchanges = is_above(each, "circuit_breaker", "retry");
    const bool limits_attempts = is_above(each, "retry", "throttle");
    // Above a retry a breaker sees what the client would: most of it went well. Below it sees that
    // two of five attempts fail, which is too much.
    if (counts_exchanges && !limits_attempts) CHECK(each.half.success() > 0.95);
    if (!counts_exchanges) CHECK(each.half.success() < 0.5);
    // A throttle below the retry counts attempts: no more than its rate goes up.
    if (limits_attempts) CHECK(each.half.upstream <= 262);
    if (counts_exchanges && !limits_attempts) CHECK(each.half.upstream > 300);
  }
}

}  // namespace
