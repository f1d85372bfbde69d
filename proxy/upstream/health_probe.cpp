#include "proxy/upstream/health_probe.hpp"

#include "proxy/base/within.hpp"
#include "proxy/http/grpc.hpp"
#include "proxy/http1/client.hpp"
#include "proxy/http2/client.hpp"
#include "proxy/net/connector.hpp"
#include "proxy/net/proxy_header.hpp"
#include "proxy/upstream/grpc_health.hpp"

#include <algorithm>
#include <utility>

namespace upstream {
namespace {

using base::Bytes;
using base::Error;
using base::Result;
using base::Task;
using config::HttpVersion;

constexpr std::size_t most_answer_bytes = 4096;  // of gRPC; a few would do

// A connection for one exchange, whichever version of HTTP it speaks. It is destroyed with the task
// that asks, so there is nothing to do when it closes.
class OneExchange final : http1::ClientConnection::Owner,
                          http2::ClientConnection::Owner,
                          http::Interim {
 public:
  OneExchange(std::unique_ptr<net::Transport> transport, bool is_h2) {
    http1::ClientConnection::Owner& http1_owner = *this;
    http2::ClientConnection::Owner& h2_owner = *this;
    if (is_h2)
      h2_ = std::make_unique<http2::ClientConnection>(std::move(transport), h2_settings_, h2_owner);
    else
      http1_ = std::make_unique<http1::ClientConnection>(std::move(transport), http1_limits_,
                                                         http1_owner);
    stream_ = h2_ ? h2_->open() : http1_->open();
  }
  http::ClientStream& stream() { return *stream_; }
  http::Interim& interim() { return *this; }

 private:
  void on_idle(http1::ClientConnection&) override {}
  void on_closed(http1::ClientConnection&) override {}
  void on_stream_ended(http2::ClientConnection&) override {}
  void on_limit_changed(http2::ClientConnection&) override {}
  void on_draining(http2::ClientConnection&) override {}
  void on_closed(http2::ClientConnection&) override {}
  void send_interim(int, const http::Headers&) noexcept override {}

  const http1::ClientLimits http1_limits_;
  const http2::ClientSettings h2_settings_;
  std::unique_ptr<http1::ClientConnection> http1_;
  std::unique_ptr<http2::ClientConnection> h2_;
  std::unique_ptr<http::ClientStream> stream_;  // dies before its connection
};

http::RequestHead head_of(const HealthProbe& probe) {
  http::RequestHead head;
  head.scheme = probe.tls ? "https" : "http";
  head.authority = probe.authority;
  head.path = probe.health.path;
  head.headers.add("user-agent", "outrider");
  if (!probe.health.grpc) return head;
  head.method = http::Method::post;
  head.path = grpc_health_check;
  head.accepts_trailers = true;
  head.headers.add("content-type", "application/grpc");
  return head;
}

bool is_expected(const config::Health& health, int status) {
  return std::any_of(health.expect.begin(), health.expect.end(), [&](const auto& range) {
    return status >= range.first && status <= range.second;
  });
}

Task<std::string> ask_http(OneExchange& exchange, const HealthProbe& probe) {
  const Result<void> sent = exchange.stream().send_head(head_of(probe), true);
  if (!sent) co_return in_full(sent.error());
  const http::Reply reply = co_await exchange.stream().read_head(exchange.interim());
  if (!reply) co_return in_full(reply.error());
  if (is_expected(probe.health, reply->status)) co_return "";
  co_return "it answers " + std::to_string(reply->status);
}

Task<std::string> ask_grpc(OneExchange& exchange, const HealthProbe& probe) {
  http::ClientStream& stream = exchange.stream();
  const Result<void> sent = stream.send_head(head_of(probe), false);
  if (!sent) co_return in_full(sent.error());
  const Result<void> written =
      co_await stream.write(Bytes::copy_of(grpc_health_request(*probe.health.grpc)));
  if (!written) co_return in_full(written.error());
  const Result<void> finished = stream.finish({});
  if (!finished) co_return in_full(finished.error());
  const http::Reply reply = co_await stream.read_head(exchange.interim());
  if (!reply) co_return in_full(reply.error());
  if (reply->status != 200) co_return "it answers " + std::to_string(reply->status);
  std::string answer;
  while (stream.has_body() && answer.size() < most_answer_bytes) {
    const Result<Bytes> piece = co_await stream.read();
    if (!piece) co_return in_full(piece.error());
    if (piece->empty()) break;
    answer += piece->view();
  }
  const int in_head = http::grpc_status_in(reply->headers);
  const int status = stream.has_body() ? http::grpc_status_in(stream.trailers(), in_head) : in_head;
  if (status != 0) co_return "grpc-status " + (status < 0 ? "missing" : std::to_string(status));
  co_return is_serving(answer) ? "" : "it is not SERVING";
}

net::Offer offer_of(const HealthProbe& probe) {
  if (probe.health.tcp) return net::Offer::as_configured;
  if (probe.health.grpc || probe.protocol == HttpVersion::h2) return net::Offer::h2;
  return probe.protocol == HttpVersion::http1 ? net::Offer::http1 : net::Offer::as_configured;
}

// A check has no client: the header says that its connection is not relayed for anybody.
std::string preamble_of(const HealthProbe& probe) {
  const base::Address nobody;
  if (probe.proxy_protocol == config::ProxyProtocol::none) return {};
  return probe.proxy_protocol == config::ProxyProtocol::v1 ? net::proxy_header_v1(nobody, nobody)
                                                           : net::proxy_header_v2(nobody, nobody);
}

Task<std::string> ask(base::EventLoop& loop, const HealthProbe& probe) {
  const base::Time until = loop.now() + probe.health.timeout;
  std::string preamble = preamble_of(probe);
  auto connected = co_await net::connect(loop, probe.address, probe.tls, until, offer_of(probe),
                                         std::move(preamble));
  if (!connected) co_return in_full(connected.error());
  if (probe.health.tcp) co_return "";
  const net::TlsSession* tls = (*connected)->tls();
  const bool wants_h2 = probe.health.grpc || probe.protocol == HttpVersion::h2;
  const bool is_h2 = tls ? tls->protocol() == "h2" : wants_h2;
  if (wants_h2 && !is_h2) co_return "it does not offer HTTP/2";
  OneExchange exchange(std::move(*connected), is_h2);
  if (probe.health.grpc) co_return co_await ask_grpc(exchange, probe);
  co_return co_await ask_http(exchange, probe);
}

}  // namespace

Task<std::string> ask_health(base::EventLoop& loop, const HealthProbe& probe) {
  base::FixedLimit limit(loop, loop.now() + probe.health.timeout);
  Task<std::string> asking = ask(loop, probe);
  std::optional<std::string> said = co_await base::within(std::move(asking), limit);
  if (!said) co_return "it does not answer in time";
  co_return std::move(*said);
}

}  // namespace upstream
