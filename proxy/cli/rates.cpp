#include "proxy/cli/rates.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <map>
#include <tuple>

namespace cli {
namespace {

using Place = std::tuple<std::string, std::string, std::string>;

struct Counted {
  double requests = 0;
  double failures = 0;
  std::map<double, double> buckets;  // by their upper bound: so many up to there
};

Place place_of(const Sample& sample) {
  return {std::string(sample.label("listener")), std::string(sample.label("route")),
          std::string(sample.label("cluster"))};
}

// sign: +1 adds, -1 takes away.
void count(const std::vector<Sample>& samples, double sign, std::map<Place, Counted>& into) {
  for (const Sample& sample : samples) {
    const double value = sign * sample.value;
    if (sample.name == "outrider_requests_total") {
      Counted& counted = into[place_of(sample)];
      counted.requests += value;
      if (!sample.label("reason").empty() || sample.label("code").starts_with('5'))
        counted.failures += value;
    } else if (sample.name == "outrider_request_duration_seconds_bucket") {
      const std::string bound(sample.label("le"));
      const double upper =
          bound == "+Inf" ? std::numeric_limits<double>::infinity() : std::atof(bound.c_str());
      into[place_of(sample)].buckets[upper] += value;
    }
  }
}

// Within a bucket all are taken to lie evenly; beyond the last bound they lie at it.
double quantile(const std::map<double, double>& buckets, double share) {
  if (buckets.empty() || buckets.rbegin()->second <= 0) return -1;
  const double wanted = share * buckets.rbegin()->second;
  double bound_before = 0, count_before = 0;
  for (const auto& [bound, upto] : buckets) {
    if (upto >= wanted) {
      if (bound == std::numeric_limits<double>::infinity()) return bound_before;
      const double within =
          upto > count_before ? (wanted - count_before) / (upto - count_before) : 1;
      return bound_before + (bound - bound_before) * within;
    }
    bound_before = bound;
    count_before = upto;
  }
  return bound_before;
}

}  // namespace

std::vector<RouteRates> rates_between(const std::vector<Sample>& before,
                                      const std::vector<Sample>& now, double seconds) {
  std::map<Place, Counted> counted;
  count(now, +1, counted);
  count(before, -1, counted);
  std::vector<RouteRates> rates;
  for (const auto& [place, each] : counted) {
    RouteRates made;
    std::tie(made.listener, made.route, made.cluster) = place;
    made.requests = std::max(0.0, each.requests / seconds);
    made.failures = std::max(0.0, each.failures / seconds);
    made.p50 = quantile(each.buckets, 0.50);
    made.p95 = quantile(each.buckets, 0.95);
    made.p99 = quantile(each.buckets, 0.99);
    rates.push_back(std::move(made));
  }
  std::stable_sort(rates.begin(), rates.end(), [](const RouteRates& a, const RouteRates& b) {
    return a.requests > b.requests;
  });
  return rates;
}

}  // namespace cli
