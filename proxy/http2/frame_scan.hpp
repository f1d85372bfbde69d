// Looks along a client's frames for what it must not send whatever becomes of the stream: nghttp2
// skips PRIORITY, and what comes for a stream that is gone, unread. One connection's; one thread.
#pragma once

#include "proxy/http2/code.hpp"
#include "proxy/http2/stream_history.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace http2 {

class FrameScan {
 public:
  // How many of the next bytes belong to frames that are right so far: all, or up to the first that
  // is not; then breach() says what it is, and nothing more is to be passed.
  std::size_t pass(std::string_view input);
  Code breach() const { return breach_; }

 private:
  static constexpr std::size_t frame_header = 9;
  static constexpr std::size_t preface = 24;
  static constexpr std::size_t most_looked_at = frame_header + 4;

  bool is_message() const;
  std::size_t payload() const;
  std::uint32_t stream() const;
  std::size_t wanted() const;
  std::optional<Code> look();
  std::optional<Code> look_at_message();

  std::array<unsigned char, most_looked_at> begun_{};  // of the frame that has begun
  std::size_t begun_size_ = 0;
  std::size_t skipped_ = preface;  // of what comes next: looked at already, or of no interest
  StreamHistory history_;
  Code breach_ = Code::no_error;
};

}  // namespace http2
