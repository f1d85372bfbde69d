// Moves a body to where it is sent, piece by piece, at the pace of the slower side, and gives others
// their turn now and then. One thread.
#pragma once

#include "proxy/http/datagram.hpp"
#include "proxy/http/stream.hpp"

#include <cstddef>
#include <optional>
#include <utility>

namespace http {

// How it went: at most one of the two errors is set, none if the message is complete.
struct Pumped {
  std::optional<Error> source;  // what the body ended with instead of its end
  std::optional<Error> sink;    // whoever took it takes no more
  bool read_whole = false;      // the body's end was read
};

// Notes in `info` what was taken and when. The stream is finished with the body's trailers. A client
// that takes nothing for as long as `info` says is no longer waited for: `sink` is idle_timeout
// then.
Task<Pumped> pump(Body& body, ServerStream& sink, StreamInfo& info);

// How much of one message is moved before others have their turn.
class Quantum {
 public:
  // Counts a piece; true = it was enough, and another one begins.
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

// Where pieces go. What looks at them as they pass hides one of these with its own.
class Outlet {
 public:
  explicit Outlet(Sink& sink) : sink_(sink) {}
  Task<Result<void>> write(Bytes piece) { return sink_.write(std::move(piece)); }
  void was_taken() {}
  Result<void> finish(const Headers& trailers) { return sink_.finish(trailers); }

 private:
  Sink& sink_;
};

// The same to any outlet.
template <typename To>
Task<Pumped> pump(Body& body, To outlet, base::Loop& loop) {
  Pumped how;
  Quantum quantum;
  for (;;) {
    Result<Bytes> piece = co_await body.read();
    if (!piece) {
      how.source = piece.error();
      co_return how;
    }
    if (is_end(*piece)) break;
    const std::size_t size = piece->size();
    const Result<void> taken = co_await outlet.write(std::move(*piece));
    outlet.was_taken();
    if (!taken) {
      how.sink = taken.error();
      co_return how;
    }
    if (!quantum.is_over_after(size)) continue;
    co_await loop.yield();
  }
  how.read_whole = true;
  const Result<void> finished = outlet.finish(body.trailers());
  if (!finished) how.sink = finished.error();
  co_return how;
}

}  // namespace http
