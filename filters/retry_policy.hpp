// The parts of a retry that are pure: how long to wait, and how many retries a process may add to
// what its clients ask. `now` and chance are arguments.
#pragma once

#include <cstdint>

#include "filters/sliding_counts.hpp"
#include "proxy/base/random.hpp"
#include "proxy/base/time.hpp"

namespace filters {

struct Backoff {
  base::Millis base{100};
  std::uint64_t factor = 2;
  base::Millis max{10'000};
  std::uint32_t jitter = 2500;  // in 1/100 %

  // Before the n-th retry, n from 1: min(max, base x factor^(n-1)), times [1-jitter, 1+jitter].
  base::Duration before(std::uint64_t n, base::Random& random) const;
};

struct BudgetSettings {
  std::uint32_t ratio = 1000;  // in 1/100 %
  std::uint64_t min = 3;
};

// Retries of the last 10 s may reach max(min, ratio x requests of those 10 s). Any thread.
class RetryBudget {
 public:
  explicit RetryBudget(const BudgetSettings& settings)
      : settings_(settings), requests_(window), retries_(window) {}

  void count_request(base::Time now) { requests_.add(now, false); }
  // Whether one more retry may be made; it is counted then.
  bool take(base::Time now);

 private:
  static constexpr base::Millis window{10'000};
  const BudgetSettings settings_;
  SlidingCounts requests_;
  SlidingCounts retries_;
};

}  // namespace filters
