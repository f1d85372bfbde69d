#include "proxy/upstream/tunnel_body.hpp"

#include "proxy/http/pump.hpp"

namespace upstream {

using http::Bytes;
using http::Result;
using http::Task;

TunnelBody::TunnelBody(base::Loop& loop, std::unique_ptr<http::ClientStream> stream,
                       http::Body from_client)
    : loop_(loop),
      stream_(std::move(stream)),
      from_client_(std::move(from_client)),
      ended_(loop),
      tasks_(loop) {
  tasks_.spawn(carry()).release();
}

Task<Result<void>> TunnelBody::rest() {
  if (!how_it_ended_) co_await ended_.wait();
  co_return *how_it_ended_;
}

Task<> TunnelBody::carry() {
  how_it_ended_ = co_await carry_all();
  ended_.set();
}

// That the upstream takes no more is told to who reads what it sends, unless it has ended that well.
Task<Result<void>> TunnelBody::carry_all() {
  http::Turn turn;
  for (;;) {
    Result<Bytes> piece = co_await from_client_.read();
    if (!piece) {
      stream_->abort(piece.error());
      co_return piece.error();
    }
    if (piece->empty()) break;
    const std::size_t size = piece->size();
    const Result<void> written = co_await stream_->write(std::move(*piece));
    if (!written) co_return Result<void>();
    if (turn.is_over_after(size)) co_await loop_.yield();
  }
  const Result<void> finished = stream_->finish({});
  if (finished) co_await stream_->flushed();
  co_return Result<void>();
}

}  // namespace upstream
