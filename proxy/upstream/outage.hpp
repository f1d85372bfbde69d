// What is known of an endpoint that cannot be connected to: since when, why, and when to try again.
// Pure; a pool's own.
#pragma once

#include "proxy/base/error.hpp"
#include "proxy/base/time.hpp"

#include <cstdint>
#include <utility>

namespace upstream {

class Outage {
 public:
  bool is_on() const { return failures_ > 0; }
  // An attempt that had begun then has failed just now. Those that were under way when an earlier
  // one failed are no further evidence.
  void failed(const base::Error& error, base::Time begun, base::Time now);
  // What fails again within a second is the same outage: the connection was of no use.
  void end(base::Time now) {
    ended_at_ = now;
    is_resting_ = false;
    failures_before_ = std::exchange(failures_, 0);
  }

  // Nobody asks any more: the next attempt that somebody wants tells whether it is still on.
  void rest() {
    failures_before_ = std::exchange(failures_, 0);
    is_resting_ = true;
  }

  // When the first attempt began that failed: so a connect that takes long is part of the outage.
  base::Time since() const { return since_; }
  // The last attempt that counts, and its error.
  base::Time failed_at() const { return failed_at_; }
  const base::Error& error() const { return error_; }
  // The next is due then: 50 ms after the first failure, doubled with each, at most 1 s. Unless
  // somebody waits for it, what lasts is tried less often.
  base::Time next_attempt(bool is_wanted) const;

 private:
  std::uint32_t failures_ = 0;
  std::uint32_t failures_before_ = 0;  // its end
  bool is_resting_ = false;
  base::Time ended_at_{};
  base::Time since_{};
  base::Time failed_at_{};
  base::Error error_;
};

}  // namespace upstream
