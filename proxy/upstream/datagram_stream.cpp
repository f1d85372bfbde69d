#include "proxy/upstream/datagram_stream.hpp"

#include "proxy/http/datagram.hpp"

namespace upstream {
namespace {

using http::Bytes;
using http::Error;
using http::Fault;
using http::Reason;
using http::Result;
using http::Task;
using net::Input;

}  // namespace

// Of who never answered nothing says that it was ever there.
const Error& DatagramStream::lost(boost::system::error_code cause) {
  failure_ = {has_answered_ ? Reason::response_aborted : Reason::connect_failure, Fault::upstream,
              "the upstream takes no datagrams", cause};
  endpoint_->refuses_datagrams(*failure_);
  return *failure_;
}

void DatagramStream::answered() {
  has_answered_ = true;
  endpoint_->answers_datagrams();
}

// That nobody listens there any more ends the session: the client's next datagram may go elsewhere.
Task<Result<void>> DatagramStream::write(Bytes datagram) {
  const boost::system::error_code problem = socket_->send(datagram.view());
  if (problem) {
    lost(problem);
    socket_->interrupt();
    return Result<void>(*failure_);
  }
  has_sent(datagram.size());
  return Result<void>();
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

Task<Result<Bytes>> DatagramStream::read() {
  for (;;) {
    if (failure_) co_return *failure_;
    if (has_ended_) co_return Bytes();
    Input input = socket_->read_now();
    if (input.state == Input::State::failed) co_return lost(input.cause);
    if (input.state == Input::State::data) {
      if (!has_answered_) answered();
      has_received(input.bytes.size());
      co_return input.bytes.empty() ? http::datagram_of({}) : std::move(input.bytes);
    }
    co_await socket_->readable();
  }
}

}  // namespace upstream
