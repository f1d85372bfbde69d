#include "proxy/http2/outgoing_stream.hpp"

#include "proxy/base/ascii.hpp"
#include "proxy/http/hop_by_hop.hpp"
#include "proxy/http/websocket.hpp"

namespace http2 {
namespace {

using base::Bytes;
using base::Error;
using base::Fault;
using base::Reason;
using base::Result;
using base::Task;
using http::Name;

Error protocol_error(std::string_view why) {
  return {Reason::upstream_protocol_error, Fault::upstream, why};
}

Error refused(std::string_view why) {
  Error error{Reason::refused, Fault::upstream, why};
  error.unsent = true;
  return error;
}

bool is(std::uint32_t code, Code other) {
  return code == static_cast<std::uint32_t>(other);
}

}  // namespace

ClientConnection::OutgoingStream::OutgoingStream(ClientConnection& connection)
    : Stream(connection.loop()), connection_(&connection) {
  ++connection.open_;
  connection.streams_.push_back(in_connection_);
}

ClientConnection::OutgoingStream::~OutgoingStream() {
  if (!connection_) return;
  Session& session = connection_->session_;
  const bool is_whole = has_ended && is_end_sent;
  if (!is_whole) session.reset(*this, Code::cancel);
  session.detach(*this);
  in_connection_.unlink();
  connection_->flush_soon();
  connection_->stream_ended();
}

void ClientConnection::OutgoingStream::wake() {
  if (readable.has_waiter()) readable.set();
  if (writable.has_waiter()) writable.set();
}

// A stream that was closed before knows better why: refused, reset. One whose answer is complete
// has not failed.
void ClientConnection::OutgoingStream::fail(const Error& error) {
  if (!closed && !failure_ && !has_ended) {
    failure_ = error;
    failure_->unsent = error.unsent || !is_head_sent;
  }
  connection_ = nullptr;
  wake();
}

void ClientConnection::OutgoingStream::refuse() {
  failure_ = refused("the upstream allows no more streams");
  connection_->session_.reset(*this, Code::cancel);
  wake();
}

std::optional<Error> ClientConnection::OutgoingStream::end_of_it(bool has_response) const {
  Error error{Reason::reset, Fault::upstream, "the upstream reset the stream"};
  if (failure_) {
    error = *failure_;
  } else if (!rejected_for.empty()) {
    error = protocol_error(rejected_for);
  } else if (!closed) {
    return std::nullopt;
  } else if (is(*closed, Code::refused_stream)) {
    error = refused("the upstream refused the stream");
  } else if (is(*closed, Code::protocol_error) && !is_reset_by_peer) {
    error = protocol_error("the response broke the rules of HTTP/2");
  }
  if (closed && !failure_) error.code = *closed;
  if (has_response && error.fault == Fault::upstream) {
    error.reason = Reason::response_aborted;
    error.unsent = false;
  }
  return error;
}

// --- the request ---

Result<void> ClientConnection::OutgoingStream::send_head(const http::RequestHead& request,
                                                         bool ends) {
  if (!connection_) return *end_of_it(false);
  method_ = request.method;
  is_websocket_ = !request.protocol.empty();
  if (is_websocket_) return send_upgrade(request);
  return submit(request, ends);
}

// HTTP/2 knows no key (RFC 8441 5): the client's is answered here. Nor would DATA fit to the length
// of a request without content.
Result<void> ClientConnection::OutgoingStream::send_upgrade(const http::RequestHead& request) {
  http::RequestHead asked = request;
  if (const auto key = asked.headers.find(Name::sec_websocket_key))
    answer_ = http::websocket_answer(*key);
  asked.headers.remove(Name::sec_websocket_key);
  asked.headers.remove(Name::content_length);
  return submit(asked, false);
}

Result<void> ClientConnection::OutgoingStream::submit(const http::RequestHead& request,
                                                      bool ends) {
  output_has_ended = ends;
  if (!connection_->session_.request(*this, request, ends)) {
    connection_->start_draining();  // its stream numbers are used up
    return refused("the connection takes no more requests");
  }
  connection_->flush_soon();
  return {};
}

Task<Result<bool>> ClientConnection::OutgoingStream::takes_upgrades() {
  while (connection_ && !connection_->session_.has_settings()) co_await readable.wait();
  if (!connection_) co_return *end_of_it(false);
  co_return connection_->session_.peer_takes_upgrades();
}

// What the response's reader is told is not told here again: a complete response may come before
// the end of the request.
Task<Result<void>> ClientConnection::OutgoingStream::write(Bytes piece) {
  if (!connection_ || closed || failure_) {
    const std::optional<Error> error = end_of_it(has_head);
    return error ? Result<void>(*error) : Result<void>();
  }
  has_sent(piece.size());
  const auto flush = [this](bool at_once) {
    at_once ? connection_->flush() : connection_->flush_soon();
  };
  if (hand_over(connection_->session_, std::move(piece), flush)) return Result<void>();
  return wait_until_taken();
}

Task<Result<void>> ClientConnection::OutgoingStream::wait_until_taken() {
  compact_output();
  while (connection_ && held_output() > 0 && !closed && !failure_) co_await writable.wait();
  if (const std::optional<Error> error = end_of_it(has_head)) co_return *error;
  co_return Result<void>();
}

Result<void> ClientConnection::OutgoingStream::finish(const http::Headers& trailers) {
  if (!connection_ || closed || failure_) return {};
  output_has_ended = true;
  output_trailers = trailers;
  connection_->session_.resume(*this);
  connection_->flush_soon();
  return {};
}

Task<Result<void>> ClientConnection::OutgoingStream::flushed() {
  while (connection_ && !is_end_sent && !closed && !failure_) co_await writable.wait();
  co_return Result<void>();
}

void ClientConnection::OutgoingStream::abort(const Error& why) noexcept {
  if (!failure_) failure_ = why;
  if (connection_) {
    connection_->session_.reset(*this, Code::cancel);
    connection_->flush_soon();
  }
  wake();
}

// --- the response ---

Task<http::Reply> ClientConnection::OutgoingStream::read_head(http::Interim& interim_sink) {
  for (;;) {
    for (const Section& early : interim) {
      http::Headers headers = early.headers;
      http::clean_response(headers);
      if (early.status != 101) interim_sink.send_interim(early.status, headers);
    }
    interim.clear();
    if (has_head && !failure_) co_return understand();
    if (const std::optional<Error> error = end_of_it(false)) co_return *error;
    co_await readable.wait();
  }
}

http::Reply ClientConnection::OutgoingStream::understand() {
  if (head.has_too_many_fields)
    return protocol_error("the response has more fields than limits.response_header_count");
  if (head.is_too_large)
    return protocol_error("the response's header section is over limits.response_header_bytes");
  if (!rejected_for.empty()) return protocol_error(rejected_for);
  http::Response response;
  response.status = head.status;
  response.headers = std::move(head.headers);
  http::clean_response(response.headers);
  if (is_websocket_ && response.status >= 200 && response.status < 300) return upgraded(response);
  if (const auto length = response.headers.find(Name::content_length))
    size_ = base::parse_decimal<std::uint64_t>(*length);
  const bool is_bodiless =
      method_ == http::Method::head || response.status == 204 || response.status == 304;
  has_body_ = !is_bodiless && !(has_ended && !has_data() && Stream::trailers.empty());
  return response;
}

http::Reply ClientConnection::OutgoingStream::upgraded(http::Response& response) {
  response.status = 101;
  response.headers.remove(Name::content_length);
  if (!answer_.empty()) response.headers.set(http::websocket_accept, answer_);
  has_body_ = true;
  return std::move(response);
}

// What came before a reset is delivered; a reset with NO_ERROR after the end is no failure.
Task<Result<Bytes>> ClientConnection::OutgoingStream::read() {
  if (has_data()) return next_piece();
  return more();
}

Result<Bytes> ClientConnection::OutgoingStream::next_piece() {
  Bytes piece = take_data();
  has_received(piece.size());
  if (connection_) {
    connection_->session_.consumed(*this, piece.size());
    connection_->flush_soon();
  }
  return piece;
}

Task<Result<Bytes>> ClientConnection::OutgoingStream::more() {
  for (;;) {
    if (has_data()) co_return next_piece();
    if (has_ended && rejected_for.empty()) co_return Bytes();
    if (const std::optional<Error> error = end_of_it(true)) co_return *error;
    co_await readable.wait();
  }
}

}  // namespace http2
