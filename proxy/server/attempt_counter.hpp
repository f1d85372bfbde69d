// Stands between a cluster's filters and its Forward: counts each attempt by what became of it up
// to its response's head (outrider_attempts_total), and each that was not the exchange's first by
// what became of the one before (outrider_retries_total). Owned by the runtime; the worker's
// thread.
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
      : cluster_(cluster), forward_(forward), registry_(registry), shard_(shard) {}

  http::Task<http::Reply> handle(http::Request& request) override {
    request.attempt.observer = this;
    return forward_.handle(request);
  }

 private:
  // By their outcome, a static text: where it lies is what it is.
  using Counters = std::unordered_map<const char*, stats::Counter*>;

  void ended(const http::Attempt& attempt) noexcept override;
  void count_attempt(std::string_view outcome);
  void count_retry(std::string_view cause);

  std::string_view cluster_;
  http::Handler& forward_;
  stats::Registry& registry_;
  std::size_t shard_;
  Counters attempts_;
  Counters retries_;
};

}  // namespace server
