#include "proxy/http/pump.hpp"

#include "proxy/base/within.hpp"

#include <algorithm>

namespace http {
namespace {

// No byte moves either way: the client takes nothing, and does not send.
class Idle final : public base::Limit {
 public:
  Idle(const ServerStream& stream, const StreamInfo& info)
      : Limit(info.loop), stream_(stream), info_(info), began_(info.now()) {}

  base::Time due() const override {
    const base::Time moved = std::max({began_, info_.last_byte, stream_.last_taken()});
    return base::deadline(moved, info_.idle);
  }

 private:
  const ServerStream& stream_;
  const StreamInfo& info_;
  const base::Time began_;
};

Task<Result<void>> taken_in_time(Task<Result<void>> writing, const ServerStream& stream,
                                 const StreamInfo& info) {
  Idle idle(stream, info);
  const auto written = co_await base::within(std::move(writing), idle);
  if (!written)
    co_return Error{Reason::idle_timeout, Fault::downstream, "the client takes nothing"};
  co_return *written;
}

Task<Result<void>> write(ServerStream& stream, Bytes piece, const StreamInfo& info) {
  Task<Result<void>> writing = stream.write(std::move(piece));
  if (writing.value() || info.idle == base::Millis{0}) return writing;
  return taken_in_time(std::move(writing), stream, info);
}

}  // namespace

Task<Pumped> pump(Body& body, ServerStream& sink, StreamInfo& info) {
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
    const Result<void> taken = co_await write(sink, std::move(*piece), info);
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
