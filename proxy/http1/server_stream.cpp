// One request and its answer on a downstream HTTP/1 connection. See server.hpp.
#include "proxy/base/ascii.hpp"
#include "proxy/http/final_head.hpp"
#include "proxy/http/local_reply.hpp"
#include "proxy/http/status.hpp"
#include "proxy/http1/server.hpp"
#include "proxy/http1/writer.hpp"

#include <algorithm>

namespace http1 {
namespace {

using base::Bytes;
using base::Error;
using base::Fault;
using base::Reason;
using base::Result;
using base::Task;
using http::Name;
using net::Input;

constexpr std::string_view continue_head = "HTTP/1.1 100 Continue\r\n\r\n";

Error client_gone(boost::system::error_code cause = {}) {
  return {Reason::client_gone, Fault::downstream, "the client closed the connection", cause};
}

}  // namespace

// --- the request's body ---

// As declared: what has come of it, and what is still to come.
std::optional<std::uint64_t> ServerConnection::size() const {
  if (framing_ == Framing::chunked || framing_ == Framing::tunnel) return std::nullopt;
  return body_left_ + pace_.received();
}

Task<Result<Bytes>> ServerConnection::read() {
  if (body_has_ended_) return Result<Bytes>(Bytes());
  if (wants_continue_ && input_.empty() && response_state_ == ResponseState::nothing) {
    transport_->send(continue_head);
    wants_continue_ = false;
    has_continued_ = true;
  }
  return framing_ == Framing::tunnel ? tunnel_bytes() : more_body();
}

// As they come, however long that takes: who bounds exchanges in time bounds tunnels.
Task<Result<Bytes>> ServerConnection::tunnel_bytes() {
  while (input_.empty()) {
    Input input = transport_->read_now();
    if (input.state == Input::State::data) {
      input_ = std::move(input.bytes);
    } else if (input.state == Input::State::would_block) {
      co_await transport_->readable();
    } else if (input.state == Input::State::end) {
      body_has_ended_ = true;
      break;
    } else {
      co_return client_gone(input.cause);
    }
  }
  co_return std::exchange(input_, Bytes());
}

Task<Result<Bytes>> ServerConnection::more_body() {
  base::Loop& loop = transport_->loop();
  for (;;) {
    if (!input_.empty()) {
      wants_continue_ = false;
      Result<Bytes> piece = next_piece();
      if (body_has_ended_) input_.compact();  // what waits of the next request
      if (body_has_ended_ && transport_->has_hung_up()) doubt();
      if (!piece || !piece->empty() || body_has_ended_) co_return piece;
    }
    Input input = transport_->read_now();
    if (input.state == Input::State::data) {
      input_ = std::move(input.bytes);
      continue;
    }
    if (input.state != Input::State::would_block) {
      loop.arm(*this, loop.now());  // the exchange ends there, as it does if nobody reads
      co_await base::sleep_until(loop, base::never);
      co_return client_gone(input.cause);
    }
    const base::Time began = loop.now();
    const base::Time until = may_pause_ ? base::never : began + settings_->body_timeout;
    const bool came = co_await transport_->readable(until, body_left_);
    if (!may_pause_) pace_.waited(loop.now() - began);
    if (came && !pace_.is_too_slow()) continue;
    keeps_alive_ = false;
    co_return http::BodyPace::too_slow();
  }
}

// What input_ holds of the body; empty with body_has_ended_ = its end, else more is needed.
Result<Bytes> ServerConnection::next_piece() {
  if (framing_ == Framing::length) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, input_.size()));
    body_left_ -= count;
    pace_.received(count);
    body_has_ended_ = body_left_ == 0;
    return input_.take_prefix(count);
  }
  Result<Bytes> piece = chunks_->next(input_);
  if (!piece) {
    keeps_alive_ = false;
    body_has_ended_ = true;
    return piece;
  }
  pace_.received(piece->size());
  if (chunks_->has_ended()) {
    body_has_ended_ = true;
    trailers_ = chunks_->take_trailers();
  }
  return piece;
}

// --- the response ---

void ServerConnection::send_interim(int status, const http::Headers& headers) noexcept {
  if (is_http10_ || response_state_ != ResponseState::nothing || interim_count_ >= http::most_interim)
    return;
  if (status == 100 && std::exchange(has_continued_, true)) return;
  ++interim_count_;
  if (status == 100) wants_continue_ = false;
  std::string& out = transport_->tail();
  write_status_line(out, status);
  write_fields(out, headers);
  out += "\r\n";
  transport_->sent_in_place();
}

// Whether the rest of a request that is answered early is worth waiting for, so that another may
// follow. A client that was never told to send it may or may not; where chunks end nobody knows.
bool ServerConnection::is_rest_short() const {
  return !wants_continue_ && framing_ == Framing::length &&
         body_left_ <= input_.size() + most_drained;
}

// Unframed from here on.
void ServerConnection::open_tunnel(const http::Response& response, bool ends) {
  keeps_alive_ = false;
  response_state_ = ends ? ResponseState::complete : ResponseState::tunnel;
  std::string& out = transport_->tail();
  write_status_line(out, response.status);
  write_fields(out, response.headers);
  if (response.status == 101) out += "connection: upgrade\r\nupgrade: websocket\r\n";
  out += "\r\n";
  transport_->sent_in_place();
}

// Then the request has no body, and another may follow.
void ServerConnection::refuse_tunnel() {
  framing_ = Framing::none;
  body_has_ended_ = true;
}

Result<void> ServerConnection::send_head(const http::Response& response, bool ends) {
  if (framing_ == Framing::tunnel) {
    if (http::opens_tunnel(response.status, method_)) {
      open_tunnel(response, ends);
      return {};
    }
    refuse_tunnel();
  }
  if (is_draining_ || service_.is_draining()) keeps_alive_ = false;
  const bool has_length = response.headers.contains(Name::content_length);
  const bool is_empty = !http::may_have_content(response.status, method_);
  if (is_empty || ends) {
    response_state_ = ResponseState::complete;
  } else if (has_length) {
    response_state_ = ResponseState::length;
    send_left_ = base::parse_decimal<std::uint64_t>(*response.headers.find(Name::content_length))
                     .value_or(0);
  } else if (is_http10_) {
    response_state_ = ResponseState::until_close;
    keeps_alive_ = false;
  } else {
    response_state_ = ResponseState::chunked;
  }
  if (!response.is_from_upstream) discard_input();  // nobody reads what is left of the request
  if (!body_has_ended_ && !is_rest_short()) keeps_alive_ = false;

  std::string& out = transport_->tail();
  write_status_line(out, response.status);
  write_fields(out, response.headers);
  if (response_state_ == ResponseState::chunked) out += "transfer-encoding: chunked\r\n";
  if (ends && !has_length && !is_empty) out += "content-length: 0\r\n";
  if (!keeps_alive_)
    out += "connection: close\r\n";
  else if (is_http10_)
    out += "connection: keep-alive\r\n";
  out += "\r\n";
  transport_->sent_in_place();
  return {};
}

Task<Result<void>> ServerConnection::write(Bytes piece) {
  if (transport_->write_error()) return Result<void>(client_gone(transport_->write_error()));
  if (piece.empty() || response_state_ == ResponseState::complete) return Result<void>();
  if (response_state_ == ResponseState::length) {
    if (piece.size() > send_left_) {
      return Result<void>(
          Error{Reason::internal, Fault::proxy, "a body is longer than its content-length"});
    }
    send_left_ -= piece.size();
    transport_->send(std::move(piece));
  } else if (response_state_ == ResponseState::chunked) {
    write_chunk_size(transport_->tail(), piece.size());
    transport_->send(std::move(piece));
    transport_->send("\r\n");
  } else {
    transport_->send(std::move(piece));
  }
  if (transport_->unsent() <= most_unsent()) return Result<void>();
  return wait_until_taken();
}

Task<Result<void>> ServerConnection::wait_until_taken() {
  base::Loop& loop = transport_->loop();
  for (;;) {
    const std::uint64_t before = transport_->written();
    const base::Time until = response_state_ == ResponseState::tunnel
                                 ? base::never
                                 : loop.now() + settings_->send_timeout;
    const bool is_taken = co_await transport_->drained(most_unsent(), until);
    if (transport_->write_error()) co_return client_gone(transport_->write_error());
    if (is_taken) co_return Result<void>();
    if (transport_->written() != before) continue;  // slow, but it takes something
    transport_->reset();
    co_return Error{Reason::client_gone, Fault::downstream, "the client takes nothing"};
  }
}

Result<void> ServerConnection::finish(const http::Headers& trailers) {
  if (response_state_ == ResponseState::length && send_left_ > 0)
    return Error{Reason::internal, Fault::proxy, "a body is shorter than its content-length"};
  if (response_state_ == ResponseState::chunked) {
    write_last_chunk(transport_->tail(), trailers);
    transport_->sent_in_place();
  }
  if (response_state_ == ResponseState::tunnel) transport_->shutdown_send();
  response_state_ = ResponseState::complete;
  return {};
}

// What was promised does not come: closed without the last chunk or byte, and with a reset where
// the end of the connection would be taken for the end of the message.
void ServerConnection::abort(const Error&) noexcept {
  if (ends_with_connection() || has_tunnel()) transport_->reset();
  keeps_alive_ = false;
  response_state_ = ResponseState::nothing;
}

// To a client that is logged as gone, in case that it reads on.
void ServerConnection::say_farewell() {
  http::Response answer;
  answer.status = http::status_of(client_gone());
  answer.is_from_upstream = false;
  http::complete_head(answer, method_, transport_->loop().wall(transport_->loop().now()));
  keeps_alive_ = false;
  const Result<void> sent = send_head(answer, true);
  (void)sent;  // always
}

}  // namespace http1
