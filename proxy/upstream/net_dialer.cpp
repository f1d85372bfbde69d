#include "proxy/upstream/net_dialer.hpp"

#include "proxy/net/connector.hpp"
#include "proxy/upstream/pooled_http1.hpp"
#include "proxy/upstream/pooled_http2.hpp"

#include <utility>

namespace upstream {
namespace {

using base::Error;
using base::Fault;
using base::Reason;
using base::Result;
using base::Task;
using config::HttpVersion;

constexpr std::chrono::minutes between_lines{1};

Error not_offered(HttpVersion wanted) {
  Error error{Reason::tls_failure, Fault::upstream,
              wanted == HttpVersion::h2 ? "the upstream does not offer HTTP/2"
                                     : "the upstream does not offer HTTP/1.1"};
  error.unsent = true;
  error.lasting = true;
  return error;
}

}  // namespace

void NetDialer::renew(const config::Cluster& cluster, const config::Limits& limits,
                      std::shared_ptr<const certs::TlsContext> tls) {
  tls_ = std::move(tls);
  cluster_ = cluster.name;
  idle_ = cluster.pool.idle;
  idle_http1_ = cluster.pool.idle_http1;
  http1_.head.header_bytes = limits.response_header_bytes;
  http1_.head.header_count = limits.response_header_count;
  http1_.trailer_bytes = limits.trailer_bytes;
  http2_.limits.header_bytes = limits.response_header_bytes;
  http2_.limits.header_count = limits.response_header_count;
  http2_.limits.trailer_bytes = limits.trailer_bytes;
  http2_.streams = static_cast<std::uint32_t>(cluster.pool.streams);
  http2_.ping = cluster.pool.ping;
}

Task<Result<Dialed>> NetDialer::dial(Dial wanted) {
  net::Offer offer = net::Offer::as_configured;
  if (wanted.is_tunnel) {
    offer = net::Offer::nothing;
  } else if (wanted.protocol != HttpVersion::automatic) {
    offer = wanted.protocol == HttpVersion::h2 ? net::Offer::h2 : net::Offer::http1;
  }
  auto connected = co_await net::connect(loop_, wanted.address, tls_, wanted.until, offer,
                                         std::move(wanted.preamble), &turns_);
  Result<Dialed> made =
      connected ? speak(std::move(*connected), wanted) : Result<Dialed>(connected.error());
  if (!made && made.error().lasting) tell(made.error(), wanted.address);
  co_return made;
}

void NetDialer::tell(const Error& error, const base::Address& address) {
  const base::Time now = loop_.now();
  if (told_at_ != base::Time::min() && now < told_at_ + between_lines) return;
  told_at_ = now;
  log_.warning("cluster " + cluster_ + ": TLS with " + address.to_string() +
               " failed: " + in_words(error));
}

Result<Dialed> NetDialer::speak(std::unique_ptr<net::Transport> transport, const Dial& wanted) {
  Dialed made;
  const net::TlsSession* tls = transport->tls();
  if (tls) made.tls_time = tls->handshake_time();
  if (wanted.is_tunnel) {
    made.tunnel = std::move(transport);
    return made;
  }
  const bool is_h2 = tls ? tls->protocol() == "h2" : wanted.protocol == HttpVersion::h2;
  if (wanted.protocol != HttpVersion::automatic && is_h2 != (wanted.protocol == HttpVersion::h2))
    return not_offered(wanted.protocol);
  made.connection = is_h2 ? pooled_http2(std::move(transport), http2_, wanted.first_streams, idle_)
                          : pooled_http1(std::move(transport), http1_, idle_http1_);
  return made;
}

}  // namespace upstream
