#include "proxy/http2/incoming_stream.hpp"

#include "proxy/base/ascii.hpp"
#include "proxy/http/status.hpp"
#include "proxy/http/streams.hpp"
#include "proxy/http/target.hpp"
#include "proxy/http/websocket.hpp"

#include <algorithm>

namespace http2 {
namespace {

using base::Bytes;
using base::Error;
using base::Fault;
using base::Reason;
using base::Result;
using base::Task;
using http::Name;

constexpr std::string_view websocket = "websocket";

Error refused(Reason reason, std::string_view why) {
  return {reason, Fault::downstream, why};
}

}  // namespace

ServerConnection::IncomingStream::~IncomingStream() {
  connection_.session_.detach(*this);
  std::vector<IncomingStream*>& all = connection_.streams_;
  all[place] = all.back();
  all[place]->place = place;
  all.pop_back();
}

// --- the request ---

std::optional<Error> ServerConnection::IncomingStream::refusal_of(const Section& received) const {
  if (received.is_target_too_long)
    return refused(Reason::target_too_long, "the request target is over limits.target_bytes");
  if (received.has_too_many_fields)
    return refused(Reason::headers_too_large,
                   "the request has more fields than limits.header_count");
  if (received.is_too_large)
    return refused(Reason::headers_too_large, "the header section is over limits.header_bytes");
  if (std::optional<Error> error = refusal_of_target(received)) return error;
  if (const auto expect = received.headers.find(Name::expect);
      expect && !base::same_ignoring_case(*expect, "100-continue"))
    return refused(Reason::expectation_failed, "an expectation other than 100-continue");
  return std::nullopt;
}

// A CONNECT has but an authority; an extended one is a GET that upgrades (RFC 8441 4).
std::optional<Error> ServerConnection::IncomingStream::refusal_of_target(
    const Section& received) const {
  if (received.method == "CONNECT" && received.protocol.empty()) {
    if (http::valid_authority(received.authority) && http::split_authority(received.authority).port)
      return std::nullopt;
    return refused(Reason::bad_request, "the target of CONNECT is not host:port");
  }
  if (!received.protocol.empty() && received.protocol != websocket)
    return refused(Reason::not_implemented, "a :protocol other than websocket");
  if (!base::same_ignoring_case(received.scheme, "http") &&
      !base::same_ignoring_case(received.scheme, "https"))
    return refused(Reason::bad_request, "the scheme is neither http nor https");
  if (received.authority.empty() || !http::valid_authority(received.authority))
    return refused(Reason::bad_request, "the authority is not host or host:port");
  const bool is_asterisk = received.path == "*" && received.method == "OPTIONS";
  if (!is_asterisk && !http::valid_path(received.path))
    return refused(Reason::bad_request, "the path has a character that must be escaped");
  return std::nullopt;
}

http::Incoming ServerConnection::IncomingStream::incoming() {
  http::Incoming in;
  in.refused = rejected_for.empty() ? refusal_of(head) : gone();
  http::RequestHead& request = in.head;
  request.method = http::method_from(head.method);
  if (request.method == http::Method::other) request.other_method = std::move(head.method);
  request.scheme = connection_.info_.is_tls ? "https" : "http";
  request.authority = std::move(head.authority);
  request.path = std::move(head.path);
  request.headers = std::move(head.headers);
  is_websocket_ = head.protocol == websocket;
  if (is_websocket_) {
    request.method = http::Method::get;
    request.protocol = websocket;
  }
  is_tunnel_ = request.asks_for_tunnel();
  if (is_tunnel_) request.headers.remove(Name::content_length);
  may_pause_ = is_tunnel_ || http::may_pause(request);
  if (const auto length = request.headers.find(Name::content_length))
    declared_ = base::parse_decimal<std::uint64_t>(*length);
  const bool is_bodiless = has_ended && !has_data() && Stream::trailers.empty();
  if (is_bodiless)
    request.headers.remove(Name::expect);  // of what is not to come (RFC 9110 10.1.1)
  else
    in.body = http::Body(this);
  wants_continue_ = request.headers.contains(Name::expect) && !in.refused;
  return in;
}

Task<Result<Bytes>> ServerConnection::IncomingStream::read() {
  if (wants_continue_ && !is_answered) send_interim(100, {});
  if (has_data()) return next_piece();
  return more();
}

Result<Bytes> ServerConnection::IncomingStream::next_piece() {
  Bytes piece = take_data();
  pace_.received(piece.size());
  connection_.session_.consumed(*this, piece.size());
  connection_.flush_soon();
  return piece;
}

Task<Result<Bytes>> ServerConnection::IncomingStream::more() {
  for (;;) {
    if (has_data()) co_return next_piece();
    if (!rejected_for.empty()) co_return gone();
    if (has_ended) co_return Bytes();
    if (closed) co_return gone();
    const base::Time began = connection_.loop_.now();
    const base::Time until = may_pause_ ? base::never : began + connection_.settings_->body_timeout;
    const bool came = co_await readable.wait(until);
    if (!may_pause_) pace_.waited(connection_.loop_.now() - began);
    if (came && (has_ended || !pace_.is_too_slow())) continue;
    co_return http::BodyPace::too_slow();
  }
}

// Also of one that is not closed as yet.
Error ServerConnection::IncomingStream::gone() const {
  if (!rejected_for.empty()) return refused(rejected_as, rejected_for);
  Error error = refused(Reason::client_gone, "the client reset the stream");
  error.code = closed.value_or(0);
  return error;
}

base::Reason ServerConnection::IncomingStream::left_by() const {
  if (!rejected_for.empty()) return rejected_as;
  const bool is_cut = !is_reset_by_peer && connection_.session_.has_violation();
  return is_cut ? Reason::bad_request : Reason::client_gone;
}

// --- the answer ---

void ServerConnection::IncomingStream::send_interim(int status,
                                                    const http::Headers& headers) noexcept {
  if (is_answered || closed || interim_count_ >= http::most_interim) return;
  if (status == 100 && std::exchange(has_continued_, true)) return;
  ++interim_count_;
  if (status == 100) wants_continue_ = false;
  connection_.session_.send_interim(*this, status, headers);
  connection_.flush_soon();
}

Result<void> ServerConnection::IncomingStream::send_head(const http::Response& response,
                                                         bool ends) {
  if (closed || !rejected_for.empty()) return gone();
  if (is_websocket_ && response.status == 101) return open_websocket(response, ends);
  output_has_ended = ends;
  connection_.session_.respond(*this, response, ends);
  connection_.flush_soon();
  return {};
}

// What HTTP/1 says by 101 and an answer to the client's key (RFC 8441 5).
Result<void> ServerConnection::IncomingStream::open_websocket(const http::Response& response,
                                                              bool ends) {
  http::Response opened;
  opened.status = 200;
  opened.headers = response.headers;
  opened.headers.remove(http::websocket_accept);
  output_has_ended = ends;
  connection_.session_.respond(*this, opened, ends);
  connection_.flush_soon();
  return {};
}

Task<Result<void>> ServerConnection::IncomingStream::write(Bytes piece) {
  if (closed) return Result<void>(gone());
  const auto flush = [this](bool at_once) {
    at_once ? connection_.flush() : connection_.flush_soon();
  };
  if (hand_over(connection_.session_, std::move(piece), flush)) return Result<void>();
  return wait_until_taken();
}

// A client that takes nothing is reset by the connection, which looks at all its streams.
Task<Result<void>> ServerConnection::IncomingStream::wait_until_taken() {
  compact_output();
  while (held_output() > 0 && !closed) co_await writable.wait();
  if (closed) co_return gone();
  co_return Result<void>();
}

Result<void> ServerConnection::IncomingStream::finish(const http::Headers& trailers) {
  if (closed) return gone();
  output_has_ended = true;
  output_trailers = trailers;
  connection_.session_.resume(*this);
  connection_.flush_soon();
  return {};
}

// The head and what came of the body go out first: a reset takes back what is still queued. Behind
// a head nothing is refused: the client would ask again for what was done. In a tunnel it stands
// for a reset of the connection (RFC 8441 5, RFC 9113 8.5).
void ServerConnection::IncomingStream::abort(const Error& why) noexcept {
  connection_.flush();
  const auto refused = static_cast<std::uint32_t>(Code::refused_stream);
  const Code otherwise = is_websocket_ ? Code::cancel
                         : is_tunnel_  ? Code::connect_error
                                       : Code::internal_error;
  const bool is_told = why.code != 0 && why.code != refused;
  connection_.session_.reset(*this, is_told ? why.code : static_cast<std::uint32_t>(otherwise));
  connection_.flush_soon();
}

void ServerConnection::IncomingStream::conclude() {
  ignore_data();
  if (closed) return;
  if (!is_answered || !output_has_ended)
    connection_.session_.reset(*this, Code::internal_error);
  else if (!has_ended)
    connection_.session_.reset_when_sent(*this);
}

}  // namespace http2
