#include "proxy/stats/registry.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

namespace {

TEST_CASE("metrics are rendered with their labels escaped, shards added up") {
  stats::Registry registry(2);
  stats::Counter& counter = registry.counter("outrider_x_total", "What.", {{"a", "q\"\\\n"}});
  counter.add(0, 2);
  counter.add(1);
  CHECK(&counter == &registry.counter("outrider_x_total", "What.", {{"a", "q\"\\\n"}}));
  registry.gauge("outrider_g", "Level.", {}).set(-4);
  const std::string text = registry.render();
  CHECK(text.find("# TYPE outrider_x_total counter\n") != text.npos);
  CHECK(text.find("outrider_x_total{a=\"q\\\"\\\\\\n\"} 3\n") != text.npos);
  CHECK(text.find("outrider_g -4\n") != text.npos);
}

TEST_CASE("a histogram's buckets hold all that is at most their bound") {
  stats::Registry registry(1);
  stats::Histogram& histogram = registry.histogram("outrider_s", "Time.", {{"l", "x"}});
  histogram.observe(0, std::chrono::microseconds{500});
  histogram.observe(0, std::chrono::microseconds{501});
  histogram.observe(0, std::chrono::seconds{100});
  const std::string text = registry.render();
  CHECK(text.find("outrider_s_bucket{l=\"x\",le=\"0.0005\"} 1\n") != text.npos);
  CHECK(text.find("outrider_s_bucket{l=\"x\",le=\"0.001\"} 2\n") != text.npos);
  CHECK(text.find("outrider_s_bucket{l=\"x\",le=\"+Inf\"} 3\n") != text.npos);
  CHECK(text.find("outrider_s_count{l=\"x\"} 3\n") != text.npos);
}

TEST_CASE("beyond the bound on series, routes fold into one") {
  stats::Registry registry(1);
  for (int i = 0; i < 6000; ++i)
    registry.counter("outrider_r_total", "R.", {{"route", std::to_string(i)}}).add(0);
  const std::string text = registry.render();
  CHECK(text.find("outrider_r_total{route=\"other\"} 1000\n") != text.npos);
  CHECK(text.find("outrider_series_folded_total 1000\n") != text.npos);
}

TEST_CASE("the bound on series holds whatever their labels are called") {
  stats::Registry registry(1);
  for (int i = 0; i < 6000; ++i)
    registry.counter("outrider_p_total", "P.", {{"place", std::to_string(i)}}).add(0);
  for (int i = 0; i < 2000; ++i)
    registry
        .counter("outrider_r_total", "R.",
                 {{"route", std::to_string(i)}, {"code", std::to_string(i)}})
        .add(0);
  const std::string text = registry.render();
  CHECK(text.find("outrider_p_total{place=\"other\"} 1000\n") != text.npos);
  CHECK(text.find("outrider_r_total{route=\"other\",code=\"7\"} 1\n") != text.npos);
  CHECK(text.find("outrider_r_total{route=\"other\",code=\"other\"} 1501\n") != text.npos);
  CHECK(text.find("outrider_series_folded_total 3000\n") != text.npos);
  CHECK(std::count(text.begin(), text.end(), '\n') < 5'520);
}

}  // namespace
