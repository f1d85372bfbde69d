#include "proxy/http1/server.hpp"

#include "proxy/http/streams.hpp"
#include "proxy/net/local_peer.hpp"

#include <algorithm>
#include <utility>

namespace http1 {
namespace {

using base::Bytes;
using base::Error;
using base::Fault;
using base::Reason;
using base::Result;
using base::Task;
using http::Method;
using net::Input;

constexpr base::Millis benefit_of_doubt{1'000};  // of a client that has stopped sending
constexpr base::Millis time_to_reach{100};       // an upstream, for the request of who has closed
constexpr base::Millis round_trip{500};          // to one that was answered as a drain began
constexpr base::Millis pause{100};               // without a request, before a connection rests
constexpr int most_without_wait = 32;            // requests, before others have their turn

// Whatever else it asks: it has come to the wrong port.
Error wrong_protocol(std::string_view why) {
  Error error{Reason::bad_request, Fault::downstream, why};
  error.lasting = true;
  return error;
}

bool is_client_hello(std::string_view bytes) {
  return bytes.starts_with("\x16\x03");
}

// As its first line says, whatever else is wrong with it.
bool is_of_http1(std::string_view begun) {
  return begun.substr(0, begun.find('\n')).find(" HTTP/1.") != begun.npos;
}

}  // namespace

ServerConnection::ServerConnection(std::unique_ptr<net::Transport> transport,
                                   net::Lingering& lingering, const http::ConnectionInfo& info,
                                   std::shared_ptr<const ServerSettings> settings,
                                   http::Service& service, Owner& owner)
    : transport_(std::move(transport)),
      lingering_(lingering),
      info_(info),
      settings_(std::move(settings)),
      service_(service),
      owner_(owner),
      tasks_(transport_->loop()) {
  transport_->set_owner(this);
}

// What is cut because the process ends is not to look whole.
ServerConnection::~ServerConnection() {
  if (transport_ && is_serving_ && ends_with_connection()) transport_->reset();
}

void ServerConnection::start(Bytes already_read, base::Time begun) {
  input_ = std::move(already_read);
  idle_until_ = transport_->loop().now() + settings_->idle_timeout;
  tasks_.spawn(run(begun)).release();
}

// Whoever waits for a request looks once more: one that has come, unread as yet, is answered.
void ServerConnection::drain() {
  is_draining_ = true;
  if (is_resting_) return wake();
  if (!is_serving_ && !is_closed_) transport_->interrupt();
}

void ServerConnection::cut() {
  if (is_closed_) return;
  tasks_.cancel_all();
  if (is_serving_ && ends_with_connection()) transport_->reset();
  close();
}

void ServerConnection::adopt(std::shared_ptr<const ServerSettings> settings) {
  if (is_serving_)
    next_settings_ = std::move(settings);
  else
    settings_ = std::move(settings);
}

void ServerConnection::close() {
  if (std::exchange(is_closed_, true)) return;
  is_resting_ = false;
  cancel();
  transport_->set_owner(nullptr);
  // Who was answered before its request had come is to read that answer while it is still sending.
  if (body_has_ended_ && !is_refused_)
    lingering_.take(std::move(transport_), settings_->send_timeout);
  else
    lingering_.take(std::move(transport_), settings_->send_timeout,
                    net::Lingering::behind_early_answer);
  owner_.on_closed(*this);
}

// Whoever closes behind a request may want no answer, but that it is done: it is to reach its upstream before
// the kernel is asked. Each event says again that there was a hang-up; that is done for the first.
void ServerConnection::on_hangup() {
  if (is_resting_) return wake();
  if (!is_serving_ || may_have_closed_) return;
  const bool is_all_read = body_has_ended_ && !has_tunnel() && input_.empty() && !has_unread();
  may_have_closed_ = is_all_read && !std::exchange(has_hung_up_, true);
  if (!may_have_closed_) return doubt();
  transport_->loop().arm(*this, transport_->loop().now() + time_to_reach);
}

// Whoever asks may be one of the tasks that are to end, so nothing ends here. With a part of the
// request unread nothing is known: who reads it finds its end.
// In a tunnel a FIN only ends one direction; gone before we have ended ours, it was a reset.
void ServerConnection::doubt() {
  if (has_tunnel() && !is_tunnel_lost()) return;
  base::Time until = transport_->loop().now();
  if (may_be_answered())
    until += benefit_of_doubt;
  else if (!transport_->is_gone() && !transport_->has_input_ended())
    return;
  written_before_ = transport_->written();
  transport_->loop().arm(*this, until);
}

// It has asked all that it will, as far as is known.
bool ServerConnection::may_be_answered() const {
  if (transport_->is_gone()) return false;
  if (body_has_ended_ || framing_ == Framing::tunnel) return true;
  return framing_ == Framing::length ? input_.size() >= body_left_ : !input_.empty();
}

void ServerConnection::expired() {
  if (is_resting_) return close();
  if (!is_serving_ || (has_tunnel() && !is_tunnel_lost())) return;
  const bool takes_its_time = transport_->unsent() > 0;  // which has a limit of its own
  const bool is_sent_some = transport_->written() != written_before_;
  const bool is_undecided = std::exchange(may_have_closed_, false);
  const bool may_go_on = may_be_answered() && (is_undecided || is_sent_some || takes_its_time);
  if (may_go_on && !net::has_closed_here(transport_->descriptor())) return doubt();
  leave();
}

// A client that only stopped sending may still read.
void ServerConnection::leave() {
  tasks_.cancel_all();  // at once: what waits for the transport is not to outlive it
  if (!transport_->is_gone() && response_state_ == ResponseState::nothing)
    say_farewell();
  else if (ends_with_connection())
    transport_->reset();
  else
    transport_->close();
  close();
}

// --- requests, one after the other ---

// HTTP/1 has no goodbye, so a client may be sending its next request when the connection is to go:
// for a moment it is still taken.
// `begun`: when the first byte came, if others read it.
Task<> ServerConnection::run(base::Time begun) {
  const base::Loop& loop = transport_->loop();
  for (;;) {
    const Input::State first = first_bytes();
    if (first == Input::State::would_block) {
      if (is_draining_ || service_.is_draining()) {
        const base::Millis chance = has_been_asked_ ? round_trip : http::last_chance;
        idle_until_ = std::min(idle_until_, loop.now() + chance);
      }
      served_without_wait_ = 0;
      const bool came = co_await transport_->readable(std::min(idle_until_, loop.now() + pause));
      if (came) continue;
      if (loop.now() >= idle_until_) break;
      co_return begin_rest();
    }
    if (first != Input::State::data) break;
    const bool goes_on = co_await one_request(std::exchange(begun, base::never));
    if (!goes_on) break;
    idle_until_ = loop.now() + settings_->idle_timeout;
    if (++served_without_wait_ < most_without_wait) continue;
    served_without_wait_ = 0;
    co_await transport_->loop().yield();
  }
  close();
}

// Most connections are idle most of the time: then not even a task is held.
void ServerConnection::begin_rest() {
  is_resting_ = true;
  transport_->rest();
  transport_->loop().arm(*this, idle_until_);
}

void ServerConnection::wake() {
  is_resting_ = false;
  cancel();
  tasks_.spawn(run()).release();
}

// Whether something of a request is there; while nothing is, nothing is held.
Input::State ServerConnection::first_bytes() {
  if (!input_.empty() || partial_) return Input::State::data;
  Input input = transport_->read_now();
  if (input.state == Input::State::data) input_ = std::move(input.bytes);
  return input.state;
}

Task<bool> ServerConnection::one_request(base::Time begun) {
  http::Incoming incoming;
  const bool is_there = co_await read_head(incoming, begun);
  if (!is_there) co_return false;
  response_state_ = ResponseState::nothing;
  interim_count_ = 0;
  is_serving_ = has_been_asked_ = true;
  if (transport_->has_hung_up()) doubt();
  co_await service_.serve(std::move(incoming), *this);
  const bool goes_on = co_await finish_request();
  is_serving_ = false;
  if (next_settings_) settings_ = std::exchange(next_settings_, nullptr);
  co_return goes_on;
}

// False: the connection ends without a word. A head that cannot be used is `incoming.refused`.
Task<bool> ServerConnection::read_head(http::Incoming& incoming, base::Time begun) {
  const HeadState state = take_head(incoming);
  if (state != HeadState::incomplete) return state != HeadState::alien;
  return read_more_of_head(incoming, begun);
}

Task<bool> ServerConnection::read_more_of_head(http::Incoming& incoming, base::Time begun) {
  const base::Time until = std::min(begun, transport_->loop().now()) + settings_->header_timeout;
  HeadState state = HeadState::incomplete;
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
    if (!partial_ || partial_->is_blank()) co_return false;
    refuse(incoming, Error{Reason::request_timeout, Fault::downstream,
                           "the request's header section did not come in time"});
    co_return true;
  }
  co_return state != HeadState::alien;
}

// Parses what is there; the head's bytes leave input_. What is incomplete is kept in partial_.
ServerConnection::HeadState ServerConnection::take_head(http::Incoming& incoming) {
  std::string_view bytes = input_.view();
  ScanState begun;
  if (partial_) bytes = partial_->bytes.append(input_.view());
  ScanState& scan = partial_ ? partial_->scan : begun;
  ParsedRequest& head = scratch_request_head();
  const Result<std::size_t> size = parse_request_head(bytes, settings_->head, scan, head);
  if (!size) {
    const bool is_tls = is_client_hello(bytes);
    const bool is_alien = !is_tls && !settings_->refuses_for.empty() && !is_of_http1(bytes);
    refuse(incoming, is_tls ? wrong_protocol(speaks_tls) : size.error());
    return is_alien ? HeadState::alien : HeadState::refused;
  }
  if (*size == 0) {
    if (!partial_) partial_.reset(new PartialHead{std::string(bytes), scan});
    input_ = Bytes();
    return HeadState::incomplete;
  }
  if (!settings_->refuses_for.empty()) {
    refuse(incoming, wrong_protocol(settings_->refuses_for));
    return HeadState::refused;
  }
  understand(head, incoming);
  if (!partial_) {
    input_.remove_prefix(*size);
  } else {
    const std::size_t of_input = bytes.size() - *size;  // the head's end lies in the last piece
    input_.remove_prefix(input_.size() - of_input);
    partial_.reset();
  }
  if (!input_.empty()) input_.compact();
  return HeadState::complete;
}

// Whoever logs it is told what was understood before the mistake.
void ServerConnection::refuse(http::Incoming& incoming, const Error& why) {
  const ParsedRequest& head = scratch_request_head();
  const bool is_known = why.reason != Reason::request_timeout;  // else it is another request's
  const std::string_view method = is_known ? head.method : std::string_view();
  incoming.refused = why;
  incoming.head.method = http::method_from(method);
  incoming.head.other_method = method;
  if (is_known) incoming.head.authority = head.authority;
  if (is_known) incoming.head.path = head.path;
  body_has_ended_ = true;
  is_refused_ = true;
  keeps_alive_ = false;
  is_http10_ = false;
  method_ = incoming.head.method;
  input_ = Bytes();
  partial_.reset();
}

// From views into the wire to a request of its own.
void ServerConnection::understand(const ParsedRequest& head, http::Incoming& incoming) {
  http::RequestHead& request = incoming.head;
  request.method = http::method_from(head.method);
  if (request.method == Method::other) request.other_method = head.method;
  request.scheme = info_.is_tls ? "https" : "http";
  request.authority = head.authority;
  request.path = head.path;
  if (head.is_websocket) request.protocol = "websocket";
  request.headers.reserve(head.field_bytes(), head.fields().size() + 4);
  for (const FieldView& field : head.fields())
    request.headers.add(field.id, field.name, field.value);

  is_http10_ = head.minor_version == 0;
  method_ = request.method;
  // Behind a CONNECT come the tunnel's bytes, not a request.
  keeps_alive_ = head.keeps_alive && request.method != Method::connect;
  wants_continue_ = head.expects_continue;
  has_continued_ = false;
  pace_ = {};
  may_pause_ = http::may_pause(request);
  trailers_ = {};
  frame_body(head);
  if (request.asks_for_tunnel()) {
    framing_ = Framing::tunnel;
    body_has_ended_ = false;
  }
  if (!body_has_ended_) incoming.body = http::Body(this);
}

void ServerConnection::frame_body(const ParsedRequest& head) {
  body_left_ = head.content_length.value_or(0);
  body_has_ended_ = false;
  if (head.is_chunked) {
    framing_ = Framing::chunked;
    chunks_ = std::make_unique<ChunkedDecoder>(
        Side::request, TrailerLimits{settings_->trailer_bytes, settings_->head.header_count});
  } else {
    framing_ = body_left_ > 0 ? Framing::length : Framing::none;
    body_has_ended_ = body_left_ == 0;
  }
}

// After the answer: the next request may follow if this one was read whole, or what is left of it
// soon comes (send_head() has seen to it that it is short), and if the client takes the answers.
Task<bool> ServerConnection::finish_request() {
  if (response_state_ != ResponseState::complete || !keeps_alive_) return false;
  if (!body_has_ended_ || transport_->unsent() > most_unsent()) return finish_slowly();
  chunks_.reset();
  return true;
}

Task<bool> ServerConnection::finish_slowly() {
  if (!body_has_ended_) co_await drain_body();
  if (!body_has_ended_ || !keeps_alive_) co_return false;
  chunks_.reset();
  if (transport_->unsent() <= most_unsent()) co_return true;
  const Result<void> taken = co_await wait_until_taken();
  co_return taken.ok();
}

Task<> ServerConnection::drain_body() {
  const base::Time until = transport_->loop().now() + net::Lingering::behind_early_answer;
  for (;;) {
    discard_input();
    if (body_has_ended_) co_return;
    Input input = transport_->read_now();
    if (input.state == Input::State::end || input.state == Input::State::failed) co_return;
    input_ = std::move(input.bytes);
    if (!input_.empty()) continue;
    const bool came = co_await transport_->readable(until);
    if (!came) co_return;
  }
}

// What has come of the body; what is behind it stays.
void ServerConnection::discard_input() {
  while (!input_.empty() && !body_has_ended_) {
    wants_continue_ = false;
    const Result<Bytes> piece = next_piece();
    if (!piece) return;  // which ends body and connection
  }
}

}  // namespace http1
