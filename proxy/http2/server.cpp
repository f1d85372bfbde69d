#include "proxy/http2/server.hpp"

#include "proxy/http2/incoming_stream.hpp"

#include <algorithm>

namespace http2 {
namespace {

using base::Bytes;
using base::Task;
using net::Input;

constexpr base::Millis longest_ping{1'000};  // between the two GOAWAYs of a drain
constexpr base::Millis pause{1'000};         // without a stream, before a connection rests

}  // namespace

ServerConnection::ServerConnection(std::unique_ptr<net::Transport> transport,
                                   net::Lingering& lingering, const http::ConnectionInfo& info,
                                   std::shared_ptr<const ServerSettings> settings,
                                   http::Service& service, Owner& owner)
    : loop_(transport->loop()),
      transport_(std::move(transport)),
      output_(*transport_),
      lingering_(lingering),
      info_(info),
      settings_(std::move(settings)),
      service_(service),
      owner_(owner),
      last_active_(loop_.now()),
      next_look_(loop_.now() + settings_->send_timeout / 2),
      written_at_(loop_.now()),
      session_(net::Role::server, settings_->limits, *this,
               info.peer_id.empty() ? Trust::none : Trust::verified),
      tasks_(loop_) {
  transport_->set_owner(this);
}

ServerConnection::~ServerConnection() {
  tasks_.cancel_all();
  while (!streams_.empty()) delete streams_.back();
}

void ServerConnection::start(Bytes already_read) {
  input_ = std::move(already_read);
  flush_soon();
  loop_.arm(*this, last_active_ + pause);
  tasks_.spawn(run()).release();
}

// --- input ---

Task<> ServerConnection::run() {
  for (;;) {
    const bool goes_on = take_input();
    if (!goes_on) break;
    if (transport_->may_be_readable()) {
      co_await loop_.yield();
      const bool stays = is_on_time();  // also of a client that never pauses
      if (!stays) break;
      continue;
    }
    const bool came = co_await transport_->readable(look_again(), session_.expected());
    if (came) continue;
    const bool stays = is_on_time();
    if (!stays) break;
  }
  flush();
  close();
}

// One batch of what there is. False: the connection is over.
bool ServerConnection::take_input() {
  if (input_.empty()) {
    Input input = transport_->read_now();
    if (input.state == Input::State::data)
      input_ = std::move(input.bytes);
    else if (input.state != Input::State::would_block)
      return false;
  }
  if (!input_.empty()) {
    const bool goes_on = session_.receive(std::exchange(input_, Bytes()));
    session_.take_events();
    flush_soon();
    if (!goes_on) return false;
  }
  return !is_done();
}

bool ServerConnection::is_done() const {
  if (session_.is_over() || transport_->write_error()) return true;
  return is_left_ && open_ == 0 && drain_by_ == base::never;
}

// --- time ---

// When something may be late; an idle connection wakes for its end only.
base::Time ServerConnection::look_again() const {
  if (!session_.has_settings())
    return last_active_ + std::min(settings_->handshake_timeout, settings_->header_timeout);
  base::Time until = open_ == 0 ? last_active_ + settings_->idle_timeout : next_look_;
  if (session_.section_begun() != base::never)
    until = std::min(until, session_.section_begun() + settings_->header_timeout);
  return std::min(until, drain_by_);
}

// False: the connection is to end.
bool ServerConnection::is_on_time() {
  const base::Time now = loop_.now();
  if (now < look_again()) return true;
  if (!session_.has_settings()) return false;
  if (now >= drain_by_) finish_drain();
  if (open_ == 0 && now >= last_active_ + settings_->idle_timeout) {
    session_.shutdown();
    return false;
  }
  const base::Time begun = session_.section_begun();
  if (begun != base::never && now >= begun + settings_->header_timeout) {
    is_head_late_ = true;
    session_.terminate(Code::enhance_your_calm);
    return false;
  }
  if (now >= next_look_) look_at_output();
  return transport_->is_open();
}

// A client that takes nothing of an answer, or nothing at all, holds memory of ours: it is given
// up.
void ServerConnection::look_at_output() {
  const base::Time now = loop_.now();
  next_look_ = now + settings_->send_timeout / 2;
  if (transport_->unsent() == 0 || transport_->written() != written_) written_at_ = now;
  written_ = transport_->written();
  if (now >= written_at_ + settings_->send_timeout) return transport_->close();
  for (IncomingStream* stream : streams_) {
    if (stream->has_tunnel()) continue;  // bounded by who bounds exchanges in time
    if (!stream->has_unsent_output() || now < stream->moved_at + settings_->send_timeout) continue;
    session_.reset(*stream, Code::cancel);
    flush_soon();
  }
}

// --- output ---

void ServerConnection::flush() {
  if (is_closed_) return;
  if (output_.flush(session_)) flush_soon();
  if (is_done()) look();
}

void ServerConnection::on_written() {
  if (output_.is_ready_for(session_)) flush_soon();
}

void ServerConnection::expired() {
  if (is_resting_) return wake();
  if (is_closed_ || open_ > 0) return;
  if (loop_.now() < last_active_ + pause) return loop_.arm(*this, last_active_ + pause);
  begin_rest();
}

// Nothing is held for what may not come for long; but what is waited for closely has its task.
void ServerConnection::begin_rest() {
  session_.rest();
  const bool is_under_way = !session_.has_settings() || session_.wants_to_send() ||
                            session_.section_begun() != base::never || drain_by_ != base::never ||
                            transport_->unsent() > 0 || transport_->may_be_readable() || is_done();
  if (is_under_way) return loop_.arm(*this, loop_.now() + pause);
  tasks_.cancel_all();
  transport_->rest();
  if (streams_.empty()) streams_.shrink_to_fit();
  is_resting_ = true;
  loop_.arm(*this, look_again());
}

void ServerConnection::wake() {
  is_resting_ = false;
  loop_.arm(*this, loop_.now() + pause);
  tasks_.spawn(run()).release();
}

// --- the end ---

// Requests that are on their way are still taken: only after a round trip does the last GOAWAY say
// which (RFC 9113 6.8).
void ServerConnection::drain() {
  if (is_closed_ || std::exchange(is_left_, true)) return;
  drain_by_ = loop_.now() + longest_ping;
  session_.announce_shutdown();
  session_.ping();
  flush_soon();
  look();
}

void ServerConnection::adopt(std::shared_ptr<const ServerSettings> settings) {
  next_settings_ = std::move(settings);
  if (open_ == 0) settings_ = std::exchange(next_settings_, nullptr);
}

void ServerConnection::finish_drain() {
  if (std::exchange(drain_by_, base::never) == base::never) return;
  session_.shutdown();
  flush_soon();
}

void ServerConnection::cut() {
  if (is_closed_) return;
  tasks_.cancel_all();
  is_resting_ = false;
  for (IncomingStream* stream : streams_) stream->conclude();
  session_.shutdown();
  flush();
  close();
}

void ServerConnection::close() {
  if (is_closed_) return;
  answer_for_unread();
  is_closed_ = true;
  is_resting_ = false;
  cancel();
  Flushable::unlink();
  transport_->set_owner(nullptr);
  lingering_.take(std::move(transport_), settings_->send_timeout);
  owner_.on_closed(*this);
}

// The request that was coming when the connection was broken off leaves a trace as well.
void ServerConnection::answer_for_unread() {
  for (std::size_t i = 0; i < streams_.size(); ++i) answer_for_unread(*streams_[i]);
}

void ServerConnection::answer_for_unread(IncomingStream& stream) {
  const bool is_unread = !stream.is_released && !stream.has_head && stream.rejected_for.empty();
  if (!is_unread || !session_.has_violation()) return;
  stream.rejected_for = is_head_late_ ? "the request's header section did not come in time"
                                      : "the client broke the rules of HTTP/2";
  if (is_head_late_) stream.rejected_as = base::Reason::request_timeout;
  start(stream);
}

// --- streams ---

Stream* ServerConnection::make_stream() {
  auto* stream = new IncomingStream(*this);
  stream->place = streams_.size();
  streams_.push_back(stream);
  ++open_;
  return stream;
}

void ServerConnection::on_head(Stream& of_session) {
  auto& stream = static_cast<IncomingStream&>(of_session);
  if (stream.is_released || (stream.closed && stream.rejected_for.empty())) return;
  start(stream);
}

void ServerConnection::start(IncomingStream& stream) {
  stream.is_starting = true;
  stream.running = tasks_.spawn(serve(stream));
  stream.is_starting = false;
  if (stream.closed) on_closed(stream);
}

Task<> ServerConnection::serve(IncomingStream& stream) {
  http::Incoming incoming = stream.incoming();
  co_await service_.serve(std::move(incoming), stream);
  stream.conclude();
  flush_soon();
  if (stream.closed) release(stream);
}

// The client reset it, or both messages are complete.
void ServerConnection::on_closed(Stream& of_session) {
  auto& stream = static_cast<IncomingStream&>(of_session);
  if (stream.is_starting) return;
  answer_for_unread(stream);
  if (stream.is_released) return;
  const bool is_whole = stream.has_ended && stream.is_end_sent;
  if (stream.running.is_running() && is_whole) return;  // it is about to end, and releases it
  stream.running.cancel();
  release(stream);
}

// After its task in the order of what the loop reaps.
void ServerConnection::release(IncomingStream& stream) {
  if (std::exchange(stream.is_released, true)) return;
  --open_;
  last_active_ = loop_.now();
  if (open_ == 0 && next_settings_) settings_ = std::exchange(next_settings_, nullptr);
  if (open_ == 0 && !is_armed()) loop_.arm(*this, last_active_ + pause);
  loop_.reap_later(stream);
  if (is_closed_) return;
  if (is_done()) look();
}

}  // namespace http2
