#include "proxy/upstream/peak_ewma.hpp"

#include <algorithm>
#include <cmath>

namespace upstream {

void PeakEwma::observe(base::Duration took, bool has_failed, base::Time now) {
  constexpr double least = 1e-6;  // an answer within the turn it was asked for in
  const double seconds = std::max(std::chrono::duration<double>(took).count(), least);
  if (!is_known_ || seconds > seconds_) {
    seconds_ = seconds;
  } else if (!has_failed) {
    const double elapsed = std::chrono::duration<double>(now - observed_).count();
    const double kept = std::exp(-elapsed / forgets_in);
    seconds_ = seconds_ * kept + seconds * (1 - kept);
  }
  is_known_ = true;
  observed_ = now;
}

}  // namespace upstream
