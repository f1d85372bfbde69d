// How long an endpoint takes to answer, as one worker sees it: an average that forgets within some
// seconds and follows what is slower at once (the peak EWMA of Finagle and linkerd). Pure.
#pragma once

#include "proxy/base/time.hpp"

#include <cstdint>

namespace upstream {

class PeakEwma {
 public:
  // It took so long to answer. What failed is no proof of speed: it lowers nothing.
  void observe(base::Duration took, bool has_failed, base::Time now);
  // Seconds until one more request would be answered; grows with those that are in flight.
  double expected(std::uint32_t in_flight) const {
    if (is_known_) return seconds_ * (in_flight + 1);
    return in_flight == 0 ? 0 : unknown + in_flight;
  }

 private:
  static constexpr double unknown = 1;      // before the first answer
  static constexpr double forgets_in = 10;  // seconds: to 1/e

  bool is_known_ = false;
  double seconds_ = 0;
  base::Time observed_{};
};

}  // namespace upstream
