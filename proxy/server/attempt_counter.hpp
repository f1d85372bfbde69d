// Stands between a cluster's filters and its Forward: counts each attempt by what became of it up
// to its response's head (outrider_attempts_total), and each that was not the exchange's first by
// what became of the one before (outrider_retries_total), and how long the answers took
// (outrider_attempt_duration_seconds). In a trace that is recorded each has a span, which the
// upstream is told. Owned by the runtime; the worker's thread.
#pragma once

#include "proxy/http/filter.hpp"
#include "proxy/stats/registry.hpp"

#include <string>
#include <string_view>
#include <unordered_map>

namespace server {

class AttemptCounter final : public http::Handler, http::AttemptObserver {
 public:
  // shard: the worker's, in the registry.
  AttemptCounter(std::string_view cluster, http::Handler& forward, stats::Registry& registry,
                 std::size_t shard)
      : cluster_(cluster),
        forward_(forward),
        registry_(registry),
        shard_(shard),
        durations_(durations_of(registry, cluster)) {}

  http::Task<http::Reply> handle(http::Request& request) override {
    request.attempt.observer = this;
    if (request.info.trace.is_sampled()) begin_span(request);
    return forward_.handle(request);
  }

  // The outcomes that are most asked about, at 0, so that a rate is known from the first on.
  static void expect(stats::Registry& registry, std::string_view cluster);

 private:
  // By their outcome, a static text: where it lies is what it is.
  using Counters = std::unordered_map<const char*, stats::Counter*>;

  static void begin_span(http::Request& request);
  void ended(const http::Attempt& attempt) noexcept override;
  static stats::Histogram& durations_of(stats::Registry& registry, std::string_view cluster);
  static stats::Counter& attempts_of(stats::Registry& registry, std::string_view cluster,
                                     std::string_view outcome);
  static stats::Counter& retries_of(stats::Registry& registry, std::string_view cluster,
                                    std::string_view cause);
  void count_attempt(std::string_view outcome);
  void count_retry(std::string_view cause);

  std::string_view cluster_;
  http::Handler& forward_;
  stats::Registry& registry_;
  std::size_t shard_;
  stats::Histogram& durations_;
  Counters attempts_;
  const char* last_outcome_ = nullptr;  // most go as the one before
  stats::Counter* last_counter_ = nullptr;
  Counters retries_;
};

}  // namespace server
