#include "proxy/http1/server.hpp"

#include <algorithm>

#include "proxy/base/ascii.hpp"
#include "proxy/http1/writer.hpp"

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

constexpr std::size_t most_unsent = 64 * 1024;     // before whoever writes a body has to wait
constexpr std::size_t most_drained = 64 * 1024;    // of a request that was answered early
constexpr base::Millis longest_drain{5'000};
constexpr base::Millis rate_grace{30'000};         // of waiting for a body, before its rate counts
constexpr std::uint64_t least_rate = 500;          // bytes a second
constexpr int most_interim = 16;
constexpr std::string_view continue_head = "HTTP/1.1 100 Continue\r\n\r\n";

Error client_gone(boost::system::error_code cause = {}) {
  return {Reason::client_gone, Fault::downstream, "the client closed the connection", cause};
}

// A status that has no body, whatever its fields say (RFC 9112 6.3).
bool is_bodiless(int status) { return status == 204 || status == 304 || status < 200; }

}  // namespace

ServerConnection::ServerConnection(std::unique_ptr<net::Transport> transport,
                                   net::Lingering& lingering, const http::ConnectionInfo& info,
                                   const ServerSettings& settings, http::Service& service,
                                   Owner& owner)
    : transport_(std::move(transport)),
      lingering_(lingering),
      info_(info),
      settings_(settings),
      service_(service),
      owner_(owner),
      tasks_(transport_->loop()) {
  transport_->set_owner(this);
}

ServerConnection::~ServerConnection() = default;

void ServerConnection::start(Bytes already_read) {
  input_ = std::move(already_read);
  running_ = tasks_.spawn(run());
}

void ServerConnection::drain() {
  is_draining_ = true;
  if (is_serving_ || is_closed_ || !input_.empty() || !partial_.empty()) return;
  tasks_.cancel_all();
  close();
}

void ServerConnection::close() {
  if (std::exchange(is_closed_, true)) return;
  transport_->set_owner(nullptr);
  lingering_.take(std::move(transport_));
  owner_.on_closed(*this);
}

// A client that hangs up while it is owed a response has left. With unread input that proves
// nothing: it may have sent its last request and stopped sending.
void ServerConnection::on_hangup() {
  if (!is_serving_ || !transport_->is_at_end()) return;
  tasks_.cancel_all();  // at once: what waits for the transport is not to outlive it
  transport_->close();
  close();
}

// --- requests, one after the other ---

Task<> ServerConnection::run() {
  for (;;) {
    const bool came = co_await first_bytes();
    if (!came) break;
    const bool goes_on = co_await one_request();
    if (!goes_on) break;
  }
  close();
}

// Waits, holding nothing, until something of a request is there.
Task<bool> ServerConnection::first_bytes() {
  const base::Time until = transport_->loop().now() + settings_.idle_timeout;
  while (input_.empty() && partial_.empty()) {
    if (is_draining_ || service_.is_draining()) co_return false;
    Input input = transport_->read_now();
    if (input.state == Input::State::data) {
      input_ = std::move(input.bytes);
      break;
    }
    if (input.state != Input::State::would_block) co_return false;
    const bool came = co_await transport_->readable(until);
    if (!came) co_return false;
  }
  co_return true;
}

Task<bool> ServerConnection::one_request() {
  http::Incoming incoming;
  const bool is_there = co_await read_head(incoming);
  if (!is_there) co_return false;
  sending_ = Sending::nothing;
  interim_count_ = 0;
  is_serving_ = true;
  co_await service_.serve(std::move(incoming), *this);
  const bool goes_on = co_await finish_request();
  is_serving_ = false;
  co_return goes_on;
}

// False: the connection ends without a word. A head that cannot be used is `incoming.refused`.
Task<bool> ServerConnection::read_head(http::Incoming& incoming) {
  scan_ = {};
  HeadState state = take_head(incoming);
  if (state != HeadState::incomplete) co_return true;
  base::Loop& loop = transport_->loop();
  const base::Time until = loop.now() + settings_.header_timeout;
  while (state == HeadState::incomplete) {
    Input input = transport_->read_now();
    if (input.state == Input::State::data) {
      input_ = std::move(input.bytes);
      state = take_head(incoming);
      continue;
    }
    if (input.state != Input::State::would_block) co_return false;
    const bool came = co_await transport_->readable(until);
    if (came) continue;
    if (partial_.find_first_not_of("\r\n") == partial_.npos) co_return false;
    incoming.refused = Error{Reason::request_timeout, Fault::downstream,
                             "the request's header section did not come in time"};
    keeps_alive_ = false;
    co_return true;
  }
  co_return true;
}

// Parses what is there; the head's bytes leave input_. What is incomplete is kept in partial_.
ServerConnection::HeadState ServerConnection::take_head(http::Incoming& incoming) {
  std::string_view bytes = input_.view();
  if (!partial_.empty()) {
    partial_.append(input_.view());
    bytes = partial_;
  }
  RequestHead& head = scratch_request_head();
  const Result<std::size_t> size = parse_request_head(bytes, settings_.head, scan_, head);
  if (!size) {
    incoming.refused = size.error();
    body_has_ended_ = true;
    keeps_alive_ = false;
    is_http10_ = false;
    is_head_request_ = false;
    input_ = Bytes();
    partial_ = std::string();
    return HeadState::refused;
  }
  if (*size == 0) {
    if (partial_.empty()) partial_ = bytes;
    input_ = Bytes();
    return HeadState::incomplete;
  }
  understand(head, incoming);
  if (partial_.empty()) {
    input_.remove_prefix(*size);
  } else {
    const std::size_t of_input = bytes.size() - *size;  // the head's end lies in the last piece
    input_.remove_prefix(input_.size() - of_input);
    partial_ = std::string();
  }
  if (!input_.empty()) input_.compact();
  return HeadState::complete;
}

// From views into the wire to a request of its own.
void ServerConnection::understand(const RequestHead& head, http::Incoming& incoming) {
  http::RequestHead& request = incoming.head;
  request.method = http::method_from(head.method);
  if (request.method == Method::other) request.other_method = head.method;
  request.scheme = info_.is_tls ? "https" : "http";
  request.authority = head.authority;
  request.path = head.path;
  if (head.is_websocket) request.protocol = "websocket";
  request.headers.reserve(head.field_bytes(), head.fields().size() + 4);
  for (const FieldView& field : head.fields()) request.headers.add(field.id, field.name, field.value);

  is_http10_ = head.minor_version == 0;
  is_head_request_ = request.method == Method::head;
  keeps_alive_ = head.keeps_alive;
  wants_continue_ = head.expects_continue && !is_http10_;
  waited_ = {};
  body_received_ = 0;
  trailers_ = {};
  body_left_ = body_size_ = head.content_length.value_or(0);
  body_has_ended_ = false;
  if (head.is_chunked) {
    framing_ = Framing::chunked;
    chunks_ = std::make_unique<ChunkedDecoder>(settings_.trailer_bytes);
  } else {
    framing_ = body_left_ > 0 ? Framing::length : Framing::none;
    body_has_ended_ = body_left_ == 0;
  }
  if (!body_has_ended_) incoming.body = http::Body(this);
}

// After the answer: the next request may follow if this one was read whole, or its rest is small.
Task<bool> ServerConnection::finish_request() {
  chunks_.reset();
  if (sending_ != Sending::complete) co_return false;
  if (body_has_ended_) co_return keeps_alive_;
  if (wants_continue_) co_return false;  // never told to send it, and now it may or may not
  base::Loop& loop = transport_->loop();
  const base::Time until = loop.now() + longest_drain;
  std::size_t drained = 0;
  while (drained < most_drained) {
    Input input = transport_->read_now();
    if (input.state == Input::State::end || input.state == Input::State::failed) break;
    drained += input.bytes.size();
    if (input.state == Input::State::data) continue;
    const bool came = co_await transport_->readable(until);
    if (!came) break;
  }
  co_return false;
}

// --- the request's body ---

std::optional<std::uint64_t> ServerConnection::size() const {
  if (framing_ == Framing::chunked) return std::nullopt;
  return body_size_;
}

Task<Result<Bytes>> ServerConnection::read() {
  if (body_has_ended_) return base::just(Result<Bytes>(Bytes()));
  if (wants_continue_ && input_.empty() && sending_ == Sending::nothing) {
    if (interim_count_ == 0) transport_->send(continue_head);
    wants_continue_ = false;
  }
  return more_body();
}

Task<Result<Bytes>> ServerConnection::more_body() {
  base::Loop& loop = transport_->loop();
  for (;;) {
    if (!input_.empty()) {
      wants_continue_ = false;
      Result<Bytes> piece = next_piece();
      if (!piece || !piece->empty() || body_has_ended_) co_return piece;
    }
    Input input = transport_->read_now();
    if (input.state == Input::State::data) {
      input_ = std::move(input.bytes);
      continue;
    }
    if (input.state != Input::State::would_block) {
      keeps_alive_ = false;
      co_return client_gone(input.cause);
    }
    const base::Time began = loop.now();
    const bool came = co_await transport_->readable(began + settings_.body_timeout);
    waited_ += loop.now() - began;
    const auto seconds = static_cast<std::uint64_t>(waited_ / std::chrono::seconds{1});
    const bool is_slow = waited_ > rate_grace && body_received_ < least_rate * seconds;
    if (came && !is_slow) continue;
    keeps_alive_ = false;
    co_return Error{Reason::request_timeout, Fault::downstream,
                    "the request's body did not come in time"};
  }
}

// What input_ holds of the body; empty with body_has_ended_ = its end, else more is needed.
Result<Bytes> ServerConnection::next_piece() {
  if (framing_ == Framing::length) {
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, input_.size()));
    body_left_ -= count;
    body_received_ += count;
    body_has_ended_ = body_left_ == 0;
    return input_.take_prefix(count);
  }
  Result<Bytes> piece = chunks_->next(input_);
  if (!piece) {
    keeps_alive_ = false;
    body_has_ended_ = true;
    return piece;
  }
  body_received_ += piece->size();
  if (chunks_->has_ended()) {
    body_has_ended_ = true;
    trailers_ = chunks_->take_trailers();
  }
  return piece;
}

// --- the response ---

void ServerConnection::send_interim(int status, const http::Headers& headers) noexcept {
  if (is_http10_ || sending_ != Sending::nothing || interim_count_ >= most_interim) return;
  ++interim_count_;
  if (status == 100) wants_continue_ = false;
  std::string& out = transport_->tail();
  write_status_line(out, status);
  write_fields(out, headers);
  out += "\r\n";
  transport_->sent_in_place();
}

Result<void> ServerConnection::send_head(const http::Response& response, bool ends) {
  if (is_draining_ || service_.is_draining()) keeps_alive_ = false;
  const bool has_length = response.headers.contains(Name::content_length);
  const bool is_empty = is_bodiless(response.status) || is_head_request_;
  if (is_empty || ends) {
    sending_ = Sending::complete;
  } else if (has_length) {
    sending_ = Sending::length;
    send_left_ = base::parse_decimal<std::uint64_t>(*response.headers.find(Name::content_length))
                     .value_or(0);
  } else if (is_http10_) {
    sending_ = Sending::until_close;
    keeps_alive_ = false;
  } else {
    sending_ = Sending::chunked;
  }
  if (!body_has_ended_ && wants_continue_) keeps_alive_ = false;

  std::string& out = transport_->tail();
  write_status_line(out, response.status);
  write_fields(out, response.headers);
  if (sending_ == Sending::chunked) out += "transfer-encoding: chunked\r\n";
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
  if (transport_->write_error())
    return base::just(Result<void>(client_gone(transport_->write_error())));
  if (piece.empty() || sending_ == Sending::complete) return base::just(Result<void>());
  if (sending_ == Sending::length) {
    if (piece.size() > send_left_) {
      return base::just(Result<void>(
          Error{Reason::internal, Fault::proxy, "a body is longer than its content-length"}));
    }
    send_left_ -= piece.size();
    transport_->send(std::move(piece));
  } else if (sending_ == Sending::chunked) {
    write_chunk_size(transport_->tail(), piece.size());
    transport_->send(std::move(piece));
    transport_->send("\r\n");
  } else {
    transport_->send(std::move(piece));
  }
  if (transport_->unsent() <= most_unsent) return base::just(Result<void>());
  return wait_until_taken();
}

Task<Result<void>> ServerConnection::wait_until_taken() {
  base::Loop& loop = transport_->loop();
  for (;;) {
    const std::uint64_t before = transport_->written();
    const bool is_taken =
        co_await transport_->drained(most_unsent, loop.now() + settings_.send_timeout);
    if (transport_->write_error()) co_return client_gone(transport_->write_error());
    if (is_taken) co_return Result<void>();
    if (transport_->written() != before) continue;  // slow, but it takes something
    co_return Error{Reason::client_gone, Fault::downstream, "the client takes nothing"};
  }
}

Result<void> ServerConnection::finish(const http::Headers& trailers) {
  if (sending_ == Sending::length && send_left_ > 0)
    return Error{Reason::internal, Fault::proxy, "a body is shorter than its content-length"};
  if (sending_ == Sending::chunked) {
    write_last_chunk(transport_->tail(), trailers);
    transport_->sent_in_place();
  }
  sending_ = Sending::complete;
  return {};
}

// What was promised does not come: closed without the last chunk or byte, and with a reset where the
// end of the connection would be taken for the end of the message.
void ServerConnection::abort(const Error&) noexcept {
  if (sending_ == Sending::until_close) {
    const linger reset{1, 0};
    setsockopt(transport_->descriptor(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    transport_->close();
  }
  keeps_alive_ = false;
  sending_ = Sending::nothing;
}

}  // namespace http1
