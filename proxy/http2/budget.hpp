// What a peer may do at no profit to itself: a token bucket of small sins. Over it, the connection
// ends. One thread.
#pragma once

#include "proxy/base/time.hpp"

#include <algorithm>

namespace http2 {

class Budget {
 public:
  // `burst` at once, then `per_second` more each second.
  Budget(double burst, double per_second) : burst_(burst), per_second_(per_second), left_(burst) {}

  // False: over the budget, and nothing is spent.
  bool spend(base::Time now, double cost = 1) {
    const std::chrono::duration<double> passed = now - last_;
    if (last_ != base::Time{}) left_ = std::min(burst_, left_ + passed.count() * per_second_);
    last_ = now;
    if (left_ < cost) return false;
    left_ -= cost;
    return true;
  }

 private:
  double burst_;
  double per_second_;
  double left_;
  base::Time last_{};
};

}  // namespace http2
