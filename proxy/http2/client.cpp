#include "proxy/http2/client.hpp"

#include "proxy/http2/outgoing_stream.hpp"
#include "proxy/net/tls_refusal.hpp"

#include <algorithm>

namespace http2 {
namespace {

using base::Error;
using base::Fault;
using base::Reason;
using base::Task;
using net::Input;

}  // namespace

ClientConnection::ClientConnection(std::unique_ptr<net::Transport> transport,
                                   const ClientSettings& settings, Owner& owner,
                                   std::uint32_t first_streams)
    : loop_(transport->loop()),
      transport_(std::move(transport)),
      output_(*transport_),
      settings_(settings),
      owner_(owner),
      first_streams_(first_streams),
      session_(net::Role::client, settings.limits, *this),
      tasks_(loop_) {
  transport_->set_owner(this);
  flush_soon();
  tasks_.spawn(run()).release();
  if (settings_.ping > base::Millis{0}) tasks_.spawn(keep_alive()).release();
}

ClientConnection::~ClientConnection() {
  tasks_.cancel_all();
  while (base::Link* link = streams_.pop_front())
    OutgoingStream::of(*link).fail({Reason::reset, Fault::upstream, "the connection was closed"});
  transport_->set_owner(nullptr);
}

// --- streams ---

std::unique_ptr<http::ClientStream> ClientConnection::open() {
  return std::make_unique<OutgoingStream>(*this);
}

std::uint32_t ClientConnection::stream_limit() const {
  const std::uint32_t allowed =
      session_.has_settings() ? session_.peer_stream_limit() : first_streams_;
  return std::min(settings_.streams, allowed);
}

std::uint32_t ClientConnection::free_streams() const {
  if (is_draining_ || is_closed_ || transport_->write_error() || transport_->has_hung_up())
    return 0;
  const std::uint32_t limit = stream_limit();
  return limit > open_ ? limit - open_ : 0;
}

bool ClientConnection::may_widen() const {
  if (is_closed_ || is_draining_) return false;
  return session_.has_settings() ? session_.peer_stream_limit() == 0
                                 : settings_.streams > first_streams_;
}

void ClientConnection::stream_ended() {
  --open_;
  if (!is_closed_) owner_.on_stream_ended(*this);
}

// A limit that has sunk below what is open: heads that were not sent would wait for long.
void ClientConnection::on_settings() {
  const std::uint32_t limit = session_.peer_stream_limit();
  std::uint32_t over = session_.open_streams() > limit ? session_.open_streams() - limit : 0;
  for (base::Link* link = streams_.back(); link && over > 0; --over) {
    OutgoingStream& stream = OutgoingStream::of(*link);
    if (!stream.is_kept_waiting()) break;
    link = streams_.before(*link);
    stream.refuse();
  }
  for (base::Link* link = streams_.front(); link; link = streams_.after(*link))
    OutgoingStream::of(*link).settings_came();
  owner_.on_limit_changed(*this);
}

void ClientConnection::start_draining() {
  if (std::exchange(is_draining_, true)) return;
  owner_.on_draining(*this);
}

void ClientConnection::shutdown() {
  is_draining_ = true;
  if (is_closed_) return;
  session_.shutdown();
  flush();
}

// --- input ---

Task<> ClientConnection::run() {
  for (;;) {
    const bool goes_on = take_input();
    if (!goes_on) break;
    if (transport_->may_be_readable())
      co_await loop_.yield();
    else
      co_await transport_->readable(base::never, session_.expected());
  }
  flush();
  fail(why_lost());
}

// One batch of what there is. False: the connection is over. One that cannot be written to is so
// only when nothing is left to read: the answer may have come before.
bool ClientConnection::take_input() {
  Input input = transport_->read_now();
  if (input.state == Input::State::data) {
    const bool goes_on = session_.receive(input.bytes);
    session_.take_events();
    flush_soon();
    return goes_on && !session_.is_over();
  }
  return input.state == Input::State::would_block && !session_.is_over() &&
         !transport_->write_error();
}

Task<> ClientConnection::keep_alive() {
  for (;;) {
    co_await base::sleep_until(loop_, loop_.now() + settings_.ping);
    if (!session_.is_ping_answered()) break;
    session_.ping();
    flush_soon();
  }
  fail({Reason::reset, Fault::upstream, "the upstream did not answer a PING"});
}

// --- output ---

void ClientConnection::flush() {
  if (is_closed_) return;
  if (output_.flush(session_)) flush_soon();
  if (session_.is_over() || transport_->write_error()) transport_->interrupt();
}

void ClientConnection::on_written() {
  if (output_.is_ready_for(session_)) flush_soon();
}

// --- the end ---

Error ClientConnection::why_lost() const {
  if (session_.has_violation())
    return {Reason::upstream_protocol_error, Fault::upstream,
            "the upstream broke the rules of HTTP/2"};
  if (const std::optional<Error> refusal = net::refusal_of(*transport_)) return *refusal;
  Error error{Reason::reset, Fault::upstream, "the upstream closed the connection"};
  error.cause = transport_->write_error();
  return error;
}

void ClientConnection::fail(const Error& error) {
  if (std::exchange(is_closed_, true)) return;
  Flushable::unlink();
  while (base::Link* link = streams_.pop_front()) OutgoingStream::of(*link).fail(error);
  transport_->set_owner(nullptr);
  transport_->close();
  owner_.on_closed(*this);
}

}  // namespace http2
