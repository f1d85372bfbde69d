#include "proxy/upstream/peak_ewma.hpp"

#include <algorithm>
#include <cmath>

namespace upstream {
namespace {

constexpr double unknown = 1;     // seconds, before the first answer
constexpr double least = 1e-6;    // an answer within the turn it was asked for in
constexpr double forgets_in = 5;  // seconds: to 1/e

}  // namespace

// What weight the old average still has: it falls to 1/e in `forgets_in`.
double PeakEwma::kept(base::Time now) const {
  const double elapsed = std::chrono::duration<double>(now - observed_).count();
  return std::exp(-std::max(elapsed, 0.0) / forgets_in);
}

void PeakEwma::observe(base::Duration took, bool has_failed, base::Time now) {
  const double seconds = std::max(std::chrono::duration<double>(took).count(), least);
  if (!is_known_ || seconds > seconds_) {
    seconds_ = seconds;
  } else if (!has_failed) {
    const double part = kept(now);
    seconds_ = seconds_ * part + seconds * (1 - part);
  }
  is_known_ = true;
  observed_ = now;
}

double PeakEwma::expected(std::uint32_t in_flight, base::Time now) const {
  if (is_known_) return seconds_ * kept(now) * (in_flight + 1);
  return in_flight == 0 ? 0 : unknown + in_flight;
}

}  // namespace upstream
