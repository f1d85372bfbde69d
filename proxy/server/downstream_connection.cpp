#include "proxy/server/downstream_connection.hpp"

#include "proxy/net/detect.hpp"
#include "proxy/net/proxy_accept.hpp"
#include "proxy/server/listener.hpp"

#include <algorithm>
#include <string>

namespace server {
DownstreamConnection::DownstreamConnection(Listener& listener,
                                           std::unique_ptr<net::Transport> transport,
                                           const base::Address& remote)
    : accepted(listener.loop().now()),
      listener_(listener),
      transport_(std::move(transport)),
      opening_(listener.loop()) {
  info_.remote = remote;
  if (listener.settings()->tells_upstream)
    info_.local =
        std::make_shared<const base::Address>(base::Address::local_of(transport_->descriptor()));
}

DownstreamConnection::~DownstreamConnection() {
  opening_.cancel_all();
  protocol_.reset();
  listener_.forget(*this);
}

void DownstreamConnection::start() {
  opening_.spawn(open()).release();
}

void DownstreamConnection::drain() {
  is_draining_ = true;
  if (protocol_)
    protocol_->drain();
  else
    listener_.loop().arm(*this, listener_.loop().now() + http::last_chance);
}

// One that opens finds them when it has opened.
void DownstreamConnection::adopt(const std::shared_ptr<const ListenerSettings>& settings) {
  if (protocol_ && !is_refused_) protocol_->adopt(settings);
}

// Nothing of what opens it may run again: the number of its descriptor may be another's by then.
void DownstreamConnection::cut() {
  if (protocol_) return protocol_->cut();
  opening_.cancel_all();
  close();
}

bool DownstreamConnection::is_idle() const {
  if (is_closing_) return false;
  return protocol_ ? protocol_->is_idle() : !transport_->has_unread();
}

void DownstreamConnection::expired() {
  if (!protocol_) cut();
}

base::Task<> DownstreamConnection::open() {
  const base::Time until = listener_.loop().now() + listener_.settings()->handshake_timeout;
  if (listener_.must_say_for_whom(info_.remote)) {
    const bool is_known = co_await learn_client(until);
    if (!is_known) co_return close();
  }
  if (!listener_.tls()) co_return co_await find_protocol();
  const bool is_safe = co_await shake_hands(until);
  if (is_refused_) co_return;
  if (!is_safe) co_return close();
  if (listener_.settings()->is_tcp)
    speak_tcp();
  else if (info_.protocol == "h2")
    speak_h2({});
  else
    speak_http1({});
}

// HTTP/1 answers also where HTTP/2 is spoken alone: it has the words that such a client
// understands.
base::Task<> DownstreamConnection::find_protocol() {
  if (listener_.settings()->is_tcp) co_return speak_tcp();
  if (!listener_.settings()->speaks_h2) co_return speak_http1({});
  base::Result<net::Detected> found = co_await net::detect(
      *transport_, listener_.settings()->idle_timeout,
      std::min(listener_.settings()->handshake_timeout, listener_.settings()->http1.header_timeout));
  if (!found) co_return close();
  if (found->is_h2)
    speak_h2(std::move(found->read));
  else
    speak_http1(std::move(found->read), found->begun);
}

// A proxy in front of us says whose connection it is; that client is the remote end from then on.
base::Task<bool> DownstreamConnection::learn_client(base::Time until) {
  const base::Result<net::ProxyHeader> header = co_await net::accept_proxy(*transport_, until);
  if (!header) {
    listener_.failed(header.error(), info_.remote);
    co_return false;
  }
  if (!header->source()) co_return true;
  info_.remote = *header->source();
  if (info_.local) info_.local = std::make_shared<const base::Address>(*header->destination());
  const bool has_place = transport_->place().count_for(info_.remote);
  if (!has_place) listener_.refused();
  co_return has_place;
}

base::Task<bool> DownstreamConnection::shake_hands(base::Time until) {
  info_.is_tls = true;
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

// Answers in the one form that such a client can show. It is never served here, whatever a reload
// says.
void DownstreamConnection::refuse_in_clear(std::string_view why) {
  const auto settings = std::make_shared<ListenerSettings>(*listener_.settings());
  settings->http1.refuses_for = why;
  info_.is_tls = false;
  info_.protocol = "http1";
  Protocol::Owner& owner = *this;
  is_refused_ = true;
  speak(
      make_http1(std::move(transport_), {listener_.lingering(), info_, settings, listener_, owner}),
      {}, base::never);
}

void DownstreamConnection::speak_http1(base::Bytes already_read, base::Time begun) {
  info_.protocol = "http1";
  speak(make_http1(std::move(transport_), parts()), std::move(already_read), begun);
}

void DownstreamConnection::speak_h2(base::Bytes already_read) {
  info_.protocol = "h2";
  speak(make_h2(std::move(transport_), parts()), std::move(already_read), base::never);
}

void DownstreamConnection::speak_tcp() {
  info_.protocol = "tcp";
  speak(make_tcp(std::move(transport_), parts()), {}, base::never);
}

void DownstreamConnection::speak(std::unique_ptr<Protocol> protocol, base::Bytes already_read,
                                 base::Time begun) {
  protocol_ = std::move(protocol);
  protocol_->start(std::move(already_read), begun);
  if (is_draining_ || listener_.is_draining()) protocol_->drain();
}

ProtocolParts DownstreamConnection::parts() {
  Protocol::Owner& owner = *this;
  return {listener_.lingering(), info_, listener_.settings(), listener_, owner};
}

// Its place is free at once, unless the protocol has left the transport to linger.
void DownstreamConnection::close() {
  is_closing_ = true;
  if (transport_) transport_->close();
  listener_.loop().reap_later(*this);
}

}  // namespace server
