// Moves a body to where it is sent, piece by piece, at the pace of the slower side. One thread.
#pragma once

#include "proxy/http/stream.hpp"

#include <cstddef>
#include <optional>

namespace http {

// How much of one message is moved before others have their turn.
class Turn {
 public:
  // Counts a piece; true = it was enough, and another turn begins.
  bool is_over_after(std::size_t size) {
    bytes_ += size;
    if (++pieces_ < most_pieces && bytes_ < most_bytes) return false;
    *this = {};
    return true;
  }

 private:
  static constexpr int most_pieces = 16;
  static constexpr std::size_t most_bytes = 1024 * 1024;

  int pieces_ = 0;
  std::size_t bytes_ = 0;
};

// How it went: at most one of the two is set, none if the message is complete.
struct Pumped {
  std::optional<Error> source;  // what the body ended with instead of its end
  std::optional<Error> sink;    // whoever took it takes no more
};

// Notes in `info` what was taken and when, and gives others their turn now and then. The stream is
// finished with the body's trailers. A client that takes nothing for as long as `info` says is no
// longer waited for: `sink` is idle_timeout then.
Task<Pumped> pump(Body& body, ServerStream& sink, StreamInfo& info);

}  // namespace http
