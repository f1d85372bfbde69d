// How long things took: counts in steps of a twentieth, so that a quantile is at most so far off.
// A value.
#pragma once

#include "proxy/base/time.hpp"

#include <cstdint>
#include <vector>

namespace simulate {

class Latencies {
 public:
  void add(base::Duration took) {
    const std::size_t step = step_of(took);
    if (step >= counts_.size()) counts_.resize(step + 1);
    ++counts_[step];
    ++count_;
  }
  void add(const Latencies& more);
  std::uint64_t count() const { return count_; }
  // In milliseconds; 0 if there are none.
  double quantile(double q) const;

 private:
  static std::size_t step_of(base::Duration took);

  std::vector<std::uint32_t> counts_;
  std::uint64_t count_ = 0;
};

}  // namespace simulate
