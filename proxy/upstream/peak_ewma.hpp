// How long an endpoint takes to answer, as one worker sees it: an average that forgets within some
// seconds and follows what is slower at once (the peak EWMA of Finagle and linkerd). While nobody
// asks it falls, so that one that was slow is tried again. Pure.
#pragma once

#include "proxy/base/time.hpp"

#include <cstdint>

namespace upstream {

class PeakEwma {
 public:
  // It took so long to answer. What failed is no proof of speed: it lowers nothing.
  void observe(base::Duration took, bool has_failed, base::Time now);
  // Seconds until one more request would be answered; grows with those that are in flight.
  double expected(std::uint32_t in_flight, base::Time now) const;

 private:
  double kept(base::Time now) const;

  bool is_known_ = false;
  double seconds_ = 0;
  base::Time observed_{};
};

}  // namespace upstream
