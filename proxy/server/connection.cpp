#include "proxy/server/connection.hpp"

#include "proxy/net/detect.hpp"
#include "proxy/server/listener.hpp"

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

void Connection::expired() {
  if (is_opening()) close();
}

base::Task<> Connection::open() {
  const ListenerSettings& settings = listener_.settings();
  if (listener_.tls()) {
    const bool is_safe = co_await shake_hands();
    if (!is_safe) co_return close();
    if (info_.protocol == "h2")
      speak_h2({});
    else
      speak_http1({});
    co_return;
  }
  if (!settings.speaks_h2) co_return speak_http1({});
  if (!settings.speaks_http1) co_return speak_h2({});
  base::Result<net::Detected> found =
      co_await net::detect(*transport_, settings.idle_timeout, settings.handshake_timeout);
  if (!found) co_return close();
  if (found->protocol == net::Protocol::h2)
    speak_h2(std::move(found->read));
  else
    speak_http1(std::move(found->read));
}

base::Task<bool> Connection::shake_hands() {
  const ListenerSettings& settings = listener_.settings();
  info_.is_tls = true;
  const base::Time until = listener_.loop().now() + settings.handshake_timeout;
  auto session = std::make_unique<net::TlsSession>(listener_.tls(), transport_->descriptor(),
                                                   net::TlsSession::Role::server);
  const base::Result<void> done = co_await transport_->handshake(std::move(session), until);
  if (!done) co_return false;
  info_.peer_id = transport_->tls()->peer_identity();
  info_.protocol = transport_->tls()->protocol() == "h2" ? "h2" : "http1";
  co_return true;
}

void Connection::speak_http1(base::Bytes already_read) {
  info_.protocol = "http1";
  http1::ServerConnection::Owner& owner = *this;
  http1_ = std::make_unique<http1::ServerConnection>(std::move(transport_), listener_.lingering(),
                                                     info_, listener_.settings().http1, listener_,
                                                     owner);
  http1_->start(std::move(already_read));
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
