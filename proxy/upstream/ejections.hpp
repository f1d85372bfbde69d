// For how long one endpoint is ejected, the n-th time: longer each time that it fails again, and
// less so the longer it has held out between. Pure; an EndpointState's own.
#pragma once

#include "proxy/base/time.hpp"

#include <cstdint>

namespace upstream {

class Ejections {
 public:
  static constexpr std::chrono::minutes longest{5};

  // `unit`: chance, in [0, 1). At most 5 minutes, then +-10 %.
  base::Duration next(base::Millis eject_for, base::Time now, double unit);
  void returned(base::Time now) { returned_at_ = now; }
  std::uint32_t count() const { return count_; }  // in a row, as far as they are remembered

 private:
  std::uint32_t count_ = 0;
  base::Time returned_at_{};
};

}  // namespace upstream
