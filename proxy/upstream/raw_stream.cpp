#include "proxy/upstream/raw_stream.hpp"

#include "proxy/net/taken.hpp"

namespace upstream {
namespace {

using http::Bytes;
using http::Error;
using http::Fault;
using http::Reason;
using http::Result;
using http::Task;
using net::Input;

constexpr std::size_t most_unsent = 64 * 1024;

Error lost(boost::system::error_code cause) {
  return {Reason::response_aborted, Fault::upstream, "the upstream reset the connection", cause};
}

}  // namespace

Task<Result<void>> RawStream::write(Bytes piece) {
  if (tunnel_->write_error()) return Result<void>(lost(tunnel_->write_error()));
  has_sent(piece.size());
  tunnel_->send(std::move(piece));
  if (tunnel_->unsent() <= most_unsent) return Result<void>();
  return net::taken(*tunnel_, most_unsent, lost);
}

Task<Result<void>> RawStream::flushed() {
  return net::taken(*tunnel_, 0, lost);
}

Result<void> RawStream::finish(const http::Headers&) {
  tunnel_->shutdown_send();
  has_sent_all_ = true;
  return {};
}

void RawStream::abort(const Error& why) noexcept {
  failure_ = why;
  tunnel_->reset();
  tunnel_->interrupt();
}

Task<Result<Bytes>> RawStream::read() {
  for (;;) {
    if (failure_) co_return *failure_;
    Input input = tunnel_->read_now();
    if (input.state == Input::State::data) {
      has_received(input.bytes.size());
      co_return std::move(input.bytes);
    }
    if (input.state == Input::State::end) {
      has_read_all_ = true;
      co_return Bytes();
    }
    if (input.state == Input::State::failed) co_return lost(input.cause);
    co_await tunnel_->readable();
  }
}

}  // namespace upstream
