// What happened on each route between two looks at the metrics. Pure.
#pragma once

#include "proxy/cli/samples.hpp"

#include <string>
#include <vector>

namespace cli {

struct RouteRates {
  std::string listener, route, cluster;
  double requests = 0;                  // a second
  double failures = 0;                  // those with a reason, or a status of 5xx
  double p50 = -1, p95 = -1, p99 = -1;  // seconds, to the answer's end; -1 = nothing was answered
};

// The busiest first.
std::vector<RouteRates> rates_between(const std::vector<Sample>& before,
                                      const std::vector<Sample>& now, double seconds);

}  // namespace cli
