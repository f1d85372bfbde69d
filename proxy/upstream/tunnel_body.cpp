#include "proxy/upstream/tunnel_body.hpp"

#include "proxy/http/pump.hpp"

namespace upstream {

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

// A failed write to the upstream is not told here: whoever reads from the upstream learns of it,
// unless that direction has ended well.
Task<Result<void>> TunnelBody::carry_all() {
  const http::Outlet outlet(*stream_);
  const http::Pumped how = co_await http::pump(from_client_, outlet, loop_);
  if (how.source) {
    stream_->abort(*how.source);
    co_return *how.source;
  }
  if (!how.sink) {
    const Result<void> flushed = co_await stream_->flushed();
    (void)flushed;
  }
  co_return Result<void>();
}

}  // namespace upstream
