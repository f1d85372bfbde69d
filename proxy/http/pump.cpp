#include "proxy/http/pump.hpp"

namespace http {
namespace {

constexpr int most_pieces = 16;  // before others have their turn
constexpr std::size_t most_bytes = 1024 * 1024;

}  // namespace

Task<Pumped> pump(Body& body, Sink& sink, StreamInfo& info) {
  Pumped how;
  int pieces = 0;
  std::size_t bytes = 0;
  for (;;) {
    Result<Bytes> piece = co_await body.read();
    if (!piece) {
      how.source = piece.error();
      co_return how;
    }
    if (piece->empty()) break;
    info.bytes_out += piece->size();
    bytes += piece->size();
    const Result<void> taken = co_await sink.write(std::move(*piece));
    info.last_byte = info.now();
    if (!taken) {
      how.sink = taken.error();
      co_return how;
    }
    if (++pieces < most_pieces && bytes < most_bytes) continue;
    pieces = 0;
    bytes = 0;
    co_await info.loop.yield();
  }
  const Result<void> finished = sink.finish(body.trailers());
  if (!finished) how.sink = finished.error();
  co_return how;
}

}  // namespace http
