#include "proxy/http1/outgoing_request.hpp"

#include <algorithm>

#include "proxy/base/ascii.hpp"
#include "proxy/http/hop_by_hop.hpp"
#include "proxy/http/status.hpp"
#include "proxy/http/websocket.hpp"
#include "proxy/http1/writer.hpp"
#include "proxy/net/taken.hpp"
#include "proxy/net/tls_refusal.hpp"

namespace http1 {
namespace {

using base::Bytes;
using base::Error;
using base::Fault;
using base::Reason;
using base::Result;
using base::Task;
using http::Method;
using http::Name;
using net::Input;

constexpr std::size_t most_unsent = 64 * 1024;

Error connection_lost(bool is_unsent, boost::system::error_code cause) {
  Error error{Reason::reset, Fault::upstream, "the upstream closed the connection", cause};
  error.unsent = is_unsent;
  return error;
}

Error protocol_error(std::string_view detail) {
  return {Reason::upstream_protocol_error, Fault::upstream, detail};
}

bool is_websocket(const ParsedResponse& head) {
  return std::any_of(head.fields().begin(), head.fields().end(), [](const FieldView& field) {
    return field.id == Name::upgrade && base::same_ignoring_case(field.value, "websocket");
  });
}

bool usually_has_body(Method method) {
  return method == Method::post || method == Method::put || method == Method::patch;
}

}  // namespace

// A tunnel that is given up before both ends have ended it is cut visibly.
OutgoingRequest::~OutgoingRequest() {
  if (!connection_) return;
  const bool is_cut = !request_has_ended_ || !response_has_ended_;
  if (framing_ == Framing::tunnel && is_cut) transport_.reset();
  connection_->finished(false);
}

// --- the request ---

Error OutgoingRequest::lost(boost::system::error_code cause) const {
  if (const std::optional<Error> refusal = net::refusal_of(transport_)) return *refusal;
  return connection_lost(transport_.written() == written_before_, cause);
}

Result<void> OutgoingRequest::send_head(const http::RequestHead& head, bool ends) {
  if (transport_.write_error()) return lost(transport_.write_error());
  method_ = head.method;
  std::string& out = transport_.tail();
  write_request_line(out, head.method_text(), head.path);
  out.append("host: ").append(head.authority).append("\r\n");
  write_fields(out, head.headers);
  if (!head.protocol.empty())
    ask_to_upgrade(out, head);
  else if (head.accepts_trailers)
    out += "te: trailers\r\nconnection: te\r\n";
  if (ends || has_asked_to_upgrade_) {
    if (usually_has_body(head.method) && !head.headers.contains(Name::content_length))
      out += "content-length: 0\r\n";
  } else if (!head.headers.contains(Name::content_length)) {
    is_chunking_ = true;
    out += "transfer-encoding: chunked\r\n";
  }
  out += "\r\n";
  transport_.sent_in_place();
  request_has_ended_ = ends;
  return {};
}

// A client that came by HTTP/2 has made no key.
void OutgoingRequest::ask_to_upgrade(std::string& out, const http::RequestHead& head) {
  has_asked_to_upgrade_ = true;
  out += "connection: upgrade\r\nupgrade: websocket\r\n";
  if (head.headers.contains(Name::sec_websocket_key)) return;
  const std::string key = http::make_websocket_key(transport_.loop().random());
  own_answer_ = http::websocket_answer(key);
  out.append("sec-websocket-key: ").append(key).append("\r\n");
}

Task<Result<void>> OutgoingRequest::write(Bytes piece) {
  if (transport_.write_error()) return Result<void>(lost(transport_.write_error()));
  if (piece.empty()) return Result<void>();
  has_sent(piece.size());
  if (is_chunking_) {
    write_chunk_size(transport_.tail(), piece.size());
    transport_.send(std::move(piece));
    transport_.send("\r\n");
  } else {
    transport_.send(std::move(piece));
  }
  if (transport_.unsent() <= most_unsent) return Result<void>();
  return wait_until_taken(most_unsent);
}

Task<Result<void>> OutgoingRequest::wait_until_taken(std::size_t most) {
  return net::taken(transport_, most, [this](auto cause) { return lost(cause); });
}

Result<void> OutgoingRequest::finish(const http::Headers& trailers) {
  if (is_chunking_) {
    write_last_chunk(transport_.tail(), trailers);
    transport_.sent_in_place();
  }
  if (framing_ == Framing::tunnel) transport_.shutdown_send();
  request_has_ended_ = true;
  release_if_done();
  return {};
}

Task<Result<void>> OutgoingRequest::flushed() {
  return wait_until_taken(0);
}

void OutgoingRequest::abort(const Error& why) noexcept {
  failure_ = why;
  framing_ == Framing::tunnel ? transport_.reset() : transport_.close();
  transport_.interrupt();
}

// --- the response ---

Task<http::Reply> OutgoingRequest::read_head(http::Interim& interim) {
  for (;;) {
    if (failure_) co_return *failure_;
    Input input = transport_.read_now();
    if (input.state == Input::State::data) {
      input_ = std::move(input.bytes);
      std::optional<http::Reply> reply = take_head(interim);
      if (reply) co_return std::move(*reply);
      continue;
    }
    if (input.state != Input::State::would_block) {
      if (failure_) co_return *failure_;
      if (partial_.empty()) co_return lost(input.cause);
      co_return connection_lost(false, input.cause);
    }
    co_await transport_.readable();
  }
}

std::optional<http::Reply> OutgoingRequest::take_head(http::Interim& interim) {
  for (;;) {
    std::string_view bytes = input_.view();
    if (!partial_.empty()) bytes = partial_.append(input_.view());
    ParsedResponse& head = scratch_response_head();
    const Result<std::size_t> size =
        parse_response_head(bytes, connection_->limits_.head, method_, scan_, head);
    if (!size) return http::Reply(size.error());
    if (*size == 0) {
      if (partial_.empty()) partial_ = bytes;
      input_ = Bytes();
      return std::nullopt;
    }
    const bool is_interim = head.status < 200 && head.status != 101;
    std::optional<http::Reply> reply;
    if (!is_interim)
      reply = understand(head);
    else if (++interim_count_ > http::most_interim)
      return http::Reply(protocol_error("too many interim responses"));
    else
      pass_on(head, interim);
    input_.remove_prefix(input_.size() - (bytes.size() - *size));
    partial_ = std::string();
    scan_ = {};
    if (reply && *reply) {
      if (response_has_ended_) response_ended();
      return reply;
    }
    if (reply) return reply;
    if (input_.empty()) return std::nullopt;
  }
}

// One that seems to have a body may yet be followed by one.
void OutgoingRequest::pass_on(const ParsedResponse& head, http::Interim& interim) {
  if (!head.keeps_alive) is_fit_ = false;
  interim.send_interim(head.status, headers_of(head));
}

http::Headers OutgoingRequest::headers_of(const ParsedResponse& head) const {
  http::Headers headers;
  headers.reserve(head.field_bytes(), head.fields().size() + 4);
  for (const FieldView& field : head.fields()) headers.add(field.id, field.name, field.value);
  http::clean_response(headers);
  return headers;
}

http::Reply OutgoingRequest::understand(const ParsedResponse& head) {
  if (head.status == 101) return upgraded(head);
  http::Response response;
  response.status = head.status;
  response.headers = headers_of(head);
  keeps_alive_ = head.keeps_alive && is_fit_ && !has_asked_to_upgrade_;
  connection_->keep_alive_timeout_ = head.keep_alive_timeout;
  size_ = head.content_length;
  if (!head.has_body) {
    framing_ = Framing::none;
  } else if (head.is_chunked) {
    framing_ = Framing::chunked;
    const ClientLimits& limits = connection_->limits_;
    chunks_.emplace(Side::response, TrailerLimits{limits.trailer_bytes, limits.head.header_count});
  } else if (head.content_length) {
    body_left_ = *head.content_length;
    framing_ = body_left_ > 0 ? Framing::length : Framing::none;
  } else {
    framing_ = Framing::until_close;
  }
  has_body_ = framing_ != Framing::none;
  response_has_ended_ = !has_body_;
  return response;
}

// Both directions are unframed from here on.
http::Reply OutgoingRequest::upgraded(const ParsedResponse& head) {
  if (!has_asked_to_upgrade_) return protocol_error("an upgrade that was not asked for");
  if (!is_websocket(head)) return protocol_error("an upgrade to something else than WebSocket");
  http::Response response;
  response.status = head.status;
  response.headers = headers_of(head);
  if (!own_answer_.empty()) {
    if (response.headers.find(http::websocket_accept) != own_answer_)
      return protocol_error("the upstream's sec-websocket-accept is not the answer to our key");
    response.headers.remove(http::websocket_accept);
  }
  framing_ = Framing::tunnel;
  has_body_ = true;
  return response;
}

Task<Result<Bytes>> OutgoingRequest::read() {
  if (failure_) return Result<Bytes>(*failure_);
  if (response_has_ended_) return Result<Bytes>(Bytes());
  if (input_.empty()) return more_body();
  Result<Bytes> piece = counted_piece();
  if (piece && piece->empty() && !response_has_ended_) return more_body();
  return piece;
}

Task<Result<Bytes>> OutgoingRequest::more_body() {
  for (;;) {
    if (failure_) co_return *failure_;
    Input input = transport_.read_now();
    if (input.state == Input::State::would_block) {
      co_await transport_.readable(base::never, body_left_);
      continue;
    }
    if (input.state != Input::State::data) co_return end_of_input(input);
    input_ = std::move(input.bytes);
    Result<Bytes> piece = counted_piece();
    if (!piece || !piece->empty() || response_has_ended_) co_return piece;
  }
}

Result<Bytes> OutgoingRequest::counted_piece() {
  Result<Bytes> piece = next_piece();
  if (piece) has_received(piece->size());
  return piece;
}

Result<Bytes> OutgoingRequest::next_piece() {
  if (framing_ == Framing::until_close || framing_ == Framing::tunnel)
    return std::exchange(input_, Bytes());
  if (framing_ == Framing::length) {
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, input_.size()));
    body_left_ -= count;
    Bytes piece = input_.take_prefix(count);
    if (body_left_ == 0) response_ended();
    return piece;
  }
  Result<Bytes> piece = chunks_->next(input_);
  if (!piece) {
    failure_ = piece.error();
    return *failure_;
  }
  if (chunks_->has_ended()) {
    trailers_ = chunks_->take_trailers();
    response_ended();
  }
  return piece;
}

// Only what lasts until the connection ends may end with it.
Result<Bytes> OutgoingRequest::end_of_input(const Input& input) {
  if (failure_) return *failure_;
  keeps_alive_ = false;
  const bool may_end = framing_ == Framing::until_close || framing_ == Framing::tunnel;
  if (may_end && input.state == Input::State::end) {
    response_ended();
    return Bytes();
  }
  failure_ = Error{Reason::response_aborted, Fault::upstream,
                   "the upstream closed the connection in the middle of its response", input.cause};
  return *failure_;
}

void OutgoingRequest::response_ended() {
  response_has_ended_ = true;
  if (!input_.empty()) keeps_alive_ = false;  // bytes that nobody asked for
  input_ = Bytes();
  release_if_done();
}

// Given back at once, before the last piece went downstream. While the request is still being sent
// the stream keeps the connection; whoever drops it then closes it. So does a tunnel to its end.
void OutgoingRequest::release_if_done() {
  if (framing_ == Framing::tunnel) return;
  if (!connection_ || !response_has_ended_ || !request_has_ended_) return;
  const bool is_reusable =
      keeps_alive_ && framing_ != Framing::until_close && transport_.unsent() == 0;
  std::exchange(connection_, nullptr)->finished(is_reusable);
}

}  // namespace http1
