// Whether a request's body comes fast enough: a client that sends byte by byte would hold an exchange
// for ever. Only the time counts in which we waited for it; the first half minute is free. A value.
#pragma once

#include "proxy/base/error.hpp"
#include "proxy/base/time.hpp"

#include <chrono>
#include <cstdint>

namespace http {

class BodyPace {
 public:
  void received(std::size_t bytes) { received_ += bytes; }
  void waited(base::Duration time) { waited_ += time; }
  std::uint64_t received() const { return received_; }
  bool is_too_slow() const {
    const auto seconds = static_cast<std::uint64_t>(waited_ / std::chrono::seconds{1});
    return waited_ > grace && received_ < least_rate * seconds;
  }

  static base::Error too_slow() {
    return {base::Reason::request_timeout, base::Fault::downstream,
            "the request's body did not come in time"};
  }

 private:
  static constexpr base::Millis grace{30'000};
  static constexpr std::uint64_t least_rate = 500;  // bytes a second

  base::Duration waited_{};
  std::uint64_t received_ = 0;
};

}  // namespace http
