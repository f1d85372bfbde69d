#include "proxy/http/pump.hpp"

namespace http {

Task<Pumped> pump(Body& body, Sink& sink, StreamInfo& info) {
  Pumped how;
  Turn turn;
  for (;;) {
    Result<Bytes> piece = co_await body.read();
    if (!piece) {
      how.source = piece.error();
      co_return how;
    }
    if (piece->empty()) break;
    const std::size_t size = piece->size();
    info.bytes_out += size;
    const Result<void> taken = co_await sink.write(std::move(*piece));
    info.last_byte = info.now();
    if (!taken) {
      how.sink = taken.error();
      co_return how;
    }
    if (!turn.is_over_after(size)) continue;
    co_await info.loop.yield();
  }
  const Result<void> finished = sink.finish(body.trailers());
  if (!finished) how.sink = finished.error();
  co_return how;
}

}  // namespace http
