// How a connection's peer behaves besides exchanging messages: each kind of frame that costs us
// something and the peer nothing has its bound (security: rapid reset and its relatives). What
// serves messages is free. One session's; one thread.
#pragma once

#include "proxy/http2/budget.hpp"

#include <cstdint>
#include <utility>

namespace http2 {

enum class Trust : std::uint8_t { none, verified };  // verified: its certificate was

class Conduct {
 public:
  explicit Conduct(Trust trust)
      : wastes_(trust == Trust::verified ? Budget(5'000, 1'000) : Budget(250, 33)) {}

  // What moves messages, and so pays for what follows.
  void stream_opened() {
    ++streams_, has_moved_ = true;
    if (++recent_streams_ <= most_recent) return;
    recent_streams_ = (recent_streams_ + 1) / 2;  // the older, the less it counts
    recent_wastes_ /= 2;
  }
  void data_received() { has_moved_ = true; }
  void data_sent(std::size_t bytes) { ++data_frames_, sent_ += bytes, has_moved_ = true; }

  // Each is false when it was too much.
  // A stream came to nothing by the peer's doing. Clients do leave, and the more of them share a
  // connection the more do: beyond a small rate it is their share of the last streams that counts.
  bool waste(base::Time now) {
    ++recent_wastes_;
    return wastes_.spend(now) || 2 * recent_wastes_ <= recent_streams_;
  }
  bool glitch(base::Time now, double cost = 1) { return glitches_.spend(now, cost); }
  // A reset of a stream that is gone: one for each may cross ours, or the end of its answer.
  bool stray_reset() { return ++stray_resets_ <= 100 + streams_; }
  // Peers that measure the path send a PING with each round trip of data.
  bool ping(base::Time now) { return std::exchange(has_moved_, false) || glitch(now, 2); }
  bool priority() { return ++priorities_ <= 100 * (1 + streams_); }
  bool window_update() {
    return ++window_updates_ <= 100 + 2 * (streams_ + data_frames_) + sent_ / 256;
  }

 private:
  static constexpr std::uint64_t most_recent = 1000;

  Budget wastes_;
  Budget glitches_{200, 5};
  std::uint64_t streams_ = 0;
  std::uint64_t recent_streams_ = 0;
  std::uint64_t recent_wastes_ = 0;
  std::uint64_t stray_resets_ = 0;
  std::uint64_t data_frames_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t priorities_ = 0;
  std::uint64_t window_updates_ = 0;
  bool has_moved_ = false;
};

}  // namespace http2
