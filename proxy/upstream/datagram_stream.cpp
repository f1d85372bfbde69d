#include "proxy/upstream/datagram_stream.hpp"

namespace upstream {
namespace {

using http::Bytes;
using http::Error;
using http::Fault;
using http::Reason;
using http::Result;
using http::Task;
using net::Input;

Error lost(boost::system::error_code cause) {
  return {Reason::response_aborted, Fault::upstream, "the upstream takes no datagrams", cause};
}

}  // namespace

// That nobody listens there any more ends the session: the client's next datagram may go elsewhere.
Task<Result<void>> DatagramStream::write(Bytes datagram) {
  const boost::system::error_code problem = socket_->send(datagram.view());
  if (!problem) return Result<void>();
  abort(lost(problem));
  return Result<void>(*failure_);
}

Result<void> DatagramStream::finish(const http::Headers&) {
  has_ended_ = true;
  socket_->interrupt();
  return {};
}

void DatagramStream::abort(const Error& why) noexcept {
  failure_ = why;
  socket_->interrupt();
}

// An empty datagram cannot be told from an end, and is not passed on.
Task<Result<Bytes>> DatagramStream::read() {
  for (;;) {
    if (failure_) co_return *failure_;
    if (has_ended_) co_return Bytes();
    Input input = socket_->read_now();
    if (input.state == Input::State::failed) co_return lost(input.cause);
    if (!input.bytes.empty()) co_return std::move(input.bytes);
    if (input.state == Input::State::would_block) co_await socket_->readable();
  }
}

}  // namespace upstream
