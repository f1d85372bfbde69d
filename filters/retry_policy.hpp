// The parts of a retry that are pure: how long to wait, and how many retries a process may add to
// what its clients ask. `now` and chance are arguments.
#pragma once

#include "config/values.hpp"
#include "filters/sliding_counts.hpp"
#include "proxy/base/random.hpp"
#include "proxy/base/time.hpp"
#include "proxy/http/headers.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace filters {

struct Backoff {
  base::Millis base{100};
  std::uint64_t factor = 2;
  base::Millis max{10'000};
  std::uint32_t jitter = 2500;  // in 1/100 %

  // Before the n-th retry, n from 1: min(max, base x factor^(n-1)), times [1-jitter, 1+jitter].
  base::Duration before(std::uint64_t n, base::Random& random) const;
};

// How long an answer asks to be left alone: seconds, or a date (RFC 9110 10.2.3), which is measured
// against the wall clock. Nothing: it does not say, or not so that it can be read.
std::optional<base::Duration> retry_after(const http::Headers& answer,
                                          std::chrono::system_clock::time_point wall);

struct BudgetSettings {
  std::uint32_t ratio = 1000;  // in 1/100 %
  config::Rate min{3, base::Millis{1'000}};
};

// Retries of the last 10 s may reach max(min x 10 s, ratio x requests of those 10 s). Any thread;
// two that ask at the same moment may both be given the last one.
class RetryBudget {
 public:
  // shards: see SlidingCounts.
  RetryBudget(const BudgetSettings& settings, std::size_t shards)
      : settings_(settings), requests_(window, shards), retries_(window, shards) {}

  void count_request(std::size_t shard, base::Time now) { requests_.add(shard, now, false); }
  // Whether one more retry may be made; it is counted then.
  bool take(std::size_t shard, base::Time now);

 private:
  static constexpr base::Millis window{10'000};
  const BudgetSettings settings_;
  SlidingCounts requests_;
  SlidingCounts retries_;
};

}  // namespace filters
