// Follows the frames of a WebSocket (RFC 6455 5.2) as a server sends them, to know where one has
// ended: only there can another be put in between. What is not as the RFC has it is not guessed at:
// from then on nothing is known. Looks at frames' headers only. A value; one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace http {

class WebsocketFrames {
 public:
  void pass(std::string_view bytes);
  // The frame that came last is complete, and another may follow it: it was no close.
  bool may_add_frame() const {
    return is_understood_ && !has_closed_ && header_size_ == 0 && payload_left_ == 0;
  }

 private:
  std::size_t header_length() const;
  void take_header();
  std::uint64_t payload_length() const;

  std::uint64_t payload_left_ = 0;
  std::array<std::uint8_t, 10> header_{};  // a server's are not masked
  std::uint8_t header_size_ = 0;           // of it, so far
  bool has_closed_ = false;
  bool is_understood_ = true;
};

// A close frame of a server's: the endpoint is going away (RFC 6455 7.4.1, 1001).
inline constexpr std::string_view websocket_going_away{"\x88\x02\x03\xe9", 4};

}  // namespace http
