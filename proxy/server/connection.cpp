#include "proxy/server/connection.hpp"

#include "proxy/net/detect.hpp"
#include "proxy/server/listener.hpp"

#include <algorithm>
#include <string>

namespace server {
namespace {

// How long a connection that has not said anything yet may still do so when its listener drains.
constexpr base::Millis last_chance{1'000};

}  // namespace

Connection::Connection(Listener& listener, std::unique_ptr<net::Transport> transport,
                       const base::Address& remote)
    : listener_(listener), transport_(std::move(transport)), opening_(listener.loop()) {
  info_.remote = remote;
  info_.local = base::Address::local_of(transport_->descriptor());
}

Connection::~Connection() {
  opening_.cancel_all();
  http1_.reset();
  h2_.reset();
  listener_.forget(*this);
}

void Connection::start() { opening_.spawn(open()).release(); }

void Connection::drain() {
  if (http1_) http1_->drain();
  if (h2_) h2_->drain();
  if (is_opening()) listener_.loop().arm(*this, listener_.loop().now() + last_chance);
}

void Connection::cut() {
  if (http1_) http1_->cut();
  if (h2_) h2_->cut();
  if (is_opening()) close();
}

void Connection::expired() {
  if (is_opening()) close();
}

base::Task<> Connection::open() {
  if (!listener_.tls()) co_return co_await find_protocol();
  const bool is_safe = co_await shake_hands();
  if (!is_safe) co_return close();
  if (info_.protocol == "h2")
    speak_h2({});
  else
    speak_http1({});
}

// Where one protocol is spoken alone, its parser refuses the other: HTTP/1 with a 400. HTTP/2 has
// no words that an HTTP/1 client would understand.
base::Task<> Connection::find_protocol() {
  const ListenerSettings& settings = listener_.settings();
  if (!settings.speaks_h2) co_return speak_http1({});
  base::Result<net::Detected> found =
      co_await net::detect(*transport_, settings.idle_timeout,
                           std::min(settings.handshake_timeout, settings.http1.header_timeout));
  if (!found) co_return close();
  if (found->protocol == net::Protocol::h2)
    speak_h2(std::move(found->read));
  else if (settings.speaks_http1)
    speak_http1(std::move(found->read), found->begun);
  else
    refuse_in_clear("this port speaks HTTP/2 only");
}

base::Task<bool> Connection::shake_hands() {
  info_.is_tls = true;
  const base::Time until = listener_.loop().now() + listener_.settings().handshake_timeout;
  const std::optional<net::FailedHandshake> failed =
      co_await net::accept_tls(*transport_, listener_.tls(), listener_.handshake_turns(), until);
  if (failed) {
    listener_.failed(*failed, info_.remote);
    const bool is_clear = failed->failure == net::TlsFailure::plain_http && !transport_->tls();
    if (is_clear) refuse_in_clear("this port speaks TLS; use https://");
    co_return false;
  }
  info_.peer_id = transport_->tls()->peer_identity();
  info_.protocol = transport_->tls()->protocol() == "h2" ? "h2" : "http1";
  co_return true;
}

// Says so in the one form that a client of HTTP/1 can show, and ends.
void Connection::refuse_in_clear(std::string_view why) {
  std::string text = "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: ";
  text.append(std::to_string(why.size() + 1)).append("\r\nconnection: close\r\n\r\n");
  text.append(why).append("\n");
  transport_->send(text);
  listener_.lingering().take(std::move(transport_));
  close();
}

void Connection::speak_http1(base::Bytes already_read, base::Time begun) {
  info_.protocol = "http1";
  http1::ServerConnection::Owner& owner = *this;
  http1_ = std::make_unique<http1::ServerConnection>(std::move(transport_), listener_.lingering(),
                                                     info_, listener_.settings().http1, listener_,
                                                     owner);
  http1_->start(std::move(already_read), begun);
  if (listener_.is_draining()) http1_->drain();
}

void Connection::speak_h2(base::Bytes already_read) {
  info_.protocol = "h2";
  http2::ServerConnection::Owner& owner = *this;
  h2_ = std::make_unique<http2::ServerConnection>(std::move(transport_), listener_.lingering(),
                                                  info_, listener_.settings().http2, listener_,
                                                  owner);
  h2_->start(std::move(already_read));
  if (listener_.is_draining()) h2_->drain();
}

void Connection::close() { listener_.loop().reap_later(*this); }

}  // namespace server
