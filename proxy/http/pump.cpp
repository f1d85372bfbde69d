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

class ToClient final : public Outlet {
 public:
  ToClient(ServerStream& stream, StreamInfo& info) : Outlet(stream), stream_(stream), info_(info) {}

  Task<Result<void>> write(Bytes piece) {
    info_.bytes_out += piece.size();
    Task<Result<void>> writing = stream_.write(std::move(piece));
    if (writing.value() || info_.idle == base::Millis{0}) return writing;
    return taken_in_time(std::move(writing), stream_, info_);
  }
  void was_taken() { info_.last_byte = info_.now(); }

 private:
  ServerStream& stream_;
  StreamInfo& info_;
};

}  // namespace

Task<Pumped> pump(Body& body, ServerStream& sink, StreamInfo& info) {
  return pump(body, ToClient(sink, info), info.loop);
}

}  // namespace http
