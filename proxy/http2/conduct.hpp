// How a connection's peer behaves besides exchanging messages: each kind of frame that costs us
// something and the peer nothing has its bound (security: rapid reset and its relatives). What
// serves messages is free. One session's; one thread.
#pragma once

#include "proxy/http2/budget.hpp"

#include <cstdint>
#include <utility>

namespace http2 {

class Conduct {
 public:
  // What moves messages, and so pays for what follows.
  void stream_opened() { ++streams_, has_moved_ = true; }
  void data_received() { has_moved_ = true; }
  void data_sent(std::size_t bytes) { ++data_frames_, sent_ += bytes, has_moved_ = true; }

  // Each is false when it was too much.
  bool reset(base::Time now) { return resets_.spend(now); }
  bool glitch(base::Time now, double cost = 1) { return glitches_.spend(now, cost); }
  // Peers that measure the path send a PING with each round trip of data.
  bool ping(base::Time now) { return std::exchange(has_moved_, false) || glitch(now, 2); }
  bool priority() { return ++priorities_ <= 100 * (1 + streams_); }
  bool window_update() {
    return ++window_updates_ <= 100 + 2 * (streams_ + data_frames_) + sent_ / 256;
  }

 private:
  Budget resets_{100, 33};  // sent and received
  Budget glitches_{200, 5};
  std::uint64_t streams_ = 0;
  std::uint64_t data_frames_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t priorities_ = 0;
  std::uint64_t window_updates_ = 0;
  bool has_moved_ = false;
};

}  // namespace http2
