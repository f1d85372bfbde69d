#include "proxy/upstream/forward.hpp"

#include "proxy/http/final_head.hpp"
#include "proxy/http/grpc.hpp"
#include "proxy/http/proxy_status.hpp"
#include "proxy/upstream/datagram_stream.hpp"
#include "proxy/upstream/first_read.hpp"
#include "proxy/upstream/placement.hpp"
#include "proxy/upstream/raw_stream.hpp"
#include "proxy/upstream/tunnel_body.hpp"
#include "proxy/upstream/upload.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace upstream {
namespace {

using base::Error;
using http::Body;
using http::Reply;
using http::Request;
using http::Result;
using http::Task;

Error no_upgrades() {
  Error error{base::Reason::upstream_protocol_error, base::Fault::upstream,
              "the upstream's HTTP/2 takes no WebSocket (RFC 8441), and by `protocol` the cluster "
              "has no other"};
  error.lasting = true;
  return error;
}

Error no_datagrams() {
  Error error{base::Reason::upstream_protocol_error, base::Fault::proxy,
              "the cluster takes datagrams, not requests"};
  error.unsent = true;
  error.lasting = true;
  return error;
}

// The stream of one exchange at a time, and whatever of the request follows its head.
class SentRequest {
 public:
  explicit SentRequest(Request& request)
      : request_(request),
        has_body_(!request.body.is_empty()),
        asks_first_(request.headers.contains(http::Name::expect)) {}

  bool has_body() const { return has_body_; }
  // The head was sent: the body follows. Returns where 1xx responses go.
  http::Interim& go_on(std::unique_ptr<http::ClientStream> stream) {
    if (!has_body_) {
      owner_ = Body(stream.release());
      return request_.interim;
    }
    if (!upload_) {
      upload_ = new Upload(request_.info.loop, std::move(request_.body), request_.interim);
      owner_ = Body(upload_);
    }
    upload_->start(std::move(stream), asks_first_);
    return *upload_;
  }
  Body head_came() {
    if (upload_) upload_->head_came();
    return std::move(owner_);
  }
  // The stream failed, and is given back; whether the request can be sent on another.
  bool can_go_on() {
    if (upload_)
      upload_->stop();
    else
      owner_ = Body();
    return !upload_ || upload_->can_start_again();
  }

 private:
  Request& request_;
  const bool has_body_;
  const bool asks_first_;
  Body owner_;  // of the upload, or else of the stream
  Upload* upload_ = nullptr;
};

// Asks the pool for a stream on which a protocol can be asked for. Not every peer takes that over
// HTTP/2, and then it goes by HTTP/1, on a connection of its own.
Task<Result<Opened>> open_for_upgrade(Placement& placement, Want& want) {
  for (;;) {
    Result<Opened> opened = co_await placement.open(want);
    if (!opened) co_return opened;
    const Result<bool> takes = co_await opened->stream->takes_upgrades();
    if (takes && *takes) co_return opened;
    if (takes && want.protocol == config::HttpVersion::h2) co_return no_upgrades();
    if (takes)
      want.protocol = config::HttpVersion::http1;
    else if (std::exchange(want.fresh, true))
      co_return takes.error();
  }
}

// One attempt while it goes on: what became of it is told however it ends, also by being destroyed.
class Underway {
 public:
  Underway(Request& request, Placement& placement, std::string_view scheme)
      : attempt_(request.attempt),
        scope_(request.scope),
        info_(request.info),
        placement_(placement) {
    attempt_.number = ++info_.attempts;
    attempt_.begun = info_.now();
    attempt_.cluster = info_.cluster;
    attempt_.scheme = scheme;
  }
  Underway(const Underway&) = delete;
  Underway& operator=(const Underway&) = delete;
  ~Underway() {
    if (!is_over_) attempt_.outcome.reason = scope_.given_up_by();
    if (attempt_.first_byte == base::never) attempt_.ended = info_.now();
    const bool is_waiting = attempt_.queued != base::never && attempt_.connected == base::never;
    if (is_waiting) attempt_.queue_time = info_.now() - attempt_.queued;
    if (attempt_.sent != base::never && !is_unsent_) info_.may_have_arrived = true;
    if (attempt_.connected != base::never && !is_told_later_) placement_.ended(told_by_proxy_);
    if (attempt_.observer) attempt_.observer->ended(attempt_);
  }

  void waits() {
    attempt_.queued = info_.now();
    attempt_.connected = base::never;
  }
  void has(const Opened& opened) {
    attempt_.connected = info_.now();
    attempt_.was_reused = opened.was_reused;
    const base::Duration waited = attempt_.connected - attempt_.queued;
    attempt_.connect_time = std::min(opened.connect_time, waited);
    attempt_.queue_time = waited - attempt_.connect_time;
    attempt_.tls_time = std::min(opened.tls_time, attempt_.connect_time);
    if (opened.since != base::never) attempt_.connection_age = attempt_.connected - opened.since;
    attempt_.exchange_on_it = opened.exchange;
  }
  void has_sent() { attempt_.sent = info_.now(); }
  const base::Error& failed(const base::Error& error) {
    is_over_ = true;
    attempt_.outcome.reason = error.reason;
    attempt_.detail = error.detail;
    attempt_.cause = error.cause;
    is_unsent_ = error.unsent;
    return error;
  }
  void over(Reply& reply) {
    is_over_ = true;
    if (!reply) {
      failed(reply.error());
      return;
    }
    placement_.pin(*reply, info_);
    told_by_proxy_ = reply->reason;
    attempt_.first_byte = info_.now();
    attempt_.outcome.status = reply->status;
    attempt_.outcome.grpc_status = http::grpc_status_of(*reply);
    is_unsent_ = reply->is_unsent;
  }
  // As over(), of what has no outcome until it ends.
  void goes_on(Reply& reply) {
    over(reply);
    is_told_later_ = true;
    scope_.hold(placement_.at_the_end());
  }

 private:
  http::Attempt& attempt_;
  http::Scope& scope_;
  http::StreamInfo& info_;
  Placement& placement_;
  base::Reason told_by_proxy_ = base::Reason::none;
  bool is_over_ = false;
  bool is_unsent_ = false;
  bool is_told_later_ = false;
};

// A gRPC call may have ended without a message: then its status counts as that of the head.
void look_for_grpc_status(http::Response& response) {
  if (response.body.is_empty() || http::grpc_status_of(response) >= 0) return;
  auto body = std::make_unique<FirstRead>(std::move(response.body));
  if (body->found_the_end()) response.trailing_grpc_status = http::grpc_status_in(body->trailers());
  response.body = Body(body.release());
}

// A gRPC call whose status comes in its trailers.
bool goes_on(const Request& request, const Reply& reply) {
  return reply && request.info.is_grpc && reply->reason == base::Reason::none &&
         reply->status == 200 && !reply->body.is_empty() && http::grpc_status_of(*reply) < 0;
}

// An Outrider behind this one says what became of the request: only if it has proved who it is.
void note_status_of_proxy(http::Response& response, std::string_view pseudonym) {
  if (response.status < 400 && http::grpc_status_of(response) <= 0) return;
  const auto status = http::proxy_status_for(response.headers, pseudonym);
  if (!status) return;
  response.reason = status->reason;
  response.is_unsent = status->is_unsent;
}

}  // namespace

Forward::Forward(Cluster& cluster)
    : cluster_(cluster),
      scheme_(cluster.config().tls ? "https" : "http"),
      takes_datagrams_(cluster.config().is_udp()) {}

Task<Reply> Forward::handle(Request& request) {
  if (takes_datagrams_) return relay_datagrams(request);
  if (!request.asks_for_tunnel()) return forward(request);
  return request.protocol.empty() ? connect(request) : upgrade(request);
}

Task<Reply> Forward::forward(Request& request) {
  request.info.cluster = cluster_.config().name;
  Placement placement(cluster_, request);
  Underway underway(request, placement, scheme_);
  SentRequest sent_request(request);
  Want want;
  for (;;) {
    underway.waits();
    Result<Opened> opened = co_await placement.open(want);
    if (!opened) co_return underway.failed(opened.error());
    underway.has(*opened);
    http::ClientStream& stream = *opened->stream;
    stream.count(request.attempt.bytes);
    const Result<void> sent =
        send_head(stream, request, placement.endpoint(), !sent_request.has_body());
    if (!sent && (!sent.error().unsent || want.fresh)) co_return underway.failed(sent.error());
    if (sent) {
      underway.has_sent();
      http::Interim& interim = sent_request.go_on(std::move(opened->stream));
      Reply reply = co_await stream.read_head(interim);
      const bool is_last = reply || !reply.error().unsent || reply.error().lasting || want.fresh;
      if (reply) {
        Body body = sent_request.head_came();
        if (stream.has_body()) reply->body = std::move(body);
        if (request.info.is_grpc) look_for_grpc_status(*reply);
        if (cluster_.is_verified()) note_status_of_proxy(*reply, request.info.pseudonym);
      }
      if (is_last || !sent_request.can_go_on()) {
        const bool has_no_outcome = goes_on(request, reply);
        has_no_outcome ? underway.goes_on(reply) : underway.over(reply);
        co_return reply;
      }
    }
    want.fresh = true;
  }
}

// What a client that came by CONNECT sends and gets: bytes, to and from an endpoint of the cluster,
// wherever else the client may have wanted to go.
Task<Reply> Forward::connect(Request& request) {
  request.info.cluster = cluster_.config().name;
  Placement placement(cluster_, request);
  Underway underway(request, placement, scheme_);
  Want want;
  want.tunnel = true;
  underway.waits();
  Result<Opened> opened = co_await placement.open(want);
  if (!opened) co_return underway.failed(opened.error());
  underway.has(*opened);
  auto stream = std::make_unique<RawStream>(std::move(opened->tunnel));
  stream->count(request.attempt.bytes);
  Reply reply = co_await answer_of(std::move(stream), request);
  underway.over(reply);
  co_return reply;
}

// What a session of datagrams is made of: each piece of its bodies is one.
Task<Reply> Forward::relay_datagrams(Request& request) {
  request.info.cluster = cluster_.config().name;
  Placement placement(cluster_, request);
  Underway underway(request, placement, scheme_);
  if (request.info.connection.protocol != "udp") co_return underway.failed(no_datagrams());
  underway.waits();
  const Result<base::Ref<Endpoint>> endpoint = co_await placement.choose();
  if (!endpoint) co_return underway.failed(endpoint.error());
  auto socket = cluster_.pools().dialer().datagrams((*endpoint)->address);
  if (!socket) co_return underway.failed(socket.error());
  Opened no_connection;
  no_connection.exchange = 0;
  underway.has(no_connection);
  auto stream = std::make_unique<DatagramStream>(std::move(*socket), *endpoint);
  stream->count(request.attempt.bytes);
  Reply reply = co_await answer_of(std::move(stream), request);
  underway.goes_on(reply);
  co_return reply;
}

// Nothing that stands behind the head goes upstream before that was answered with a tunnel. Any
// other answer is one as to a request without a body.
Task<Reply> Forward::upgrade(Request& request) {
  request.info.cluster = cluster_.config().name;
  Placement placement(cluster_, request);
  Underway underway(request, placement, scheme_);
  Want want;
  want.protocol = cluster_.config().protocol;
  for (;;) {
    underway.waits();
    Result<Opened> opened = co_await open_for_upgrade(placement, want);
    if (!opened) co_return underway.failed(opened.error());
    underway.has(*opened);
    std::unique_ptr<http::ClientStream> stream = std::move(opened->stream);
    stream->count(request.attempt.bytes);
    const Result<void> sent = send_head(*stream, request, placement.endpoint(), false);
    Reply reply(sent ? Error{} : sent.error());
    if (sent) {
      underway.has_sent();
      reply = co_await answer_of(std::move(stream), request);
    }
    if (reply || !reply.error().unsent || reply.error().lasting || want.fresh) {
      underway.over(reply);
      co_return reply;
    }
    want.fresh = true;
  }
}

// With what follows the head: of a tunnel both directions.
Task<Reply> Forward::answer_of(std::unique_ptr<http::ClientStream> stream, Request& request) {
  Reply reply = co_await stream->read_head(request.interim);
  if (!reply) co_return reply;
  if (http::opens_tunnel(reply->status, request.method))
    reply->body =
        Body(new TunnelBody(request.info.loop, std::move(stream), std::move(request.body)));
  else if (stream->has_body())
    reply->body = Body(stream.release());
  if (cluster_.is_verified()) note_status_of_proxy(*reply, request.info.pseudonym);
  co_return reply;
}

// What goes upstream differs in host and scheme from what the client sent, and only there: the log
// and another attempt are to see the client's.
Result<void> Forward::send_head(http::ClientStream& stream, Request& request,
                                const Endpoint& endpoint, bool ends) {
  base::SharedText host = std::exchange(request.authority, host_for(request, endpoint));
  const std::string_view scheme = std::exchange(request.scheme, scheme_);
  const Result<void> sent = stream.send_head(request, ends);
  request.scheme = scheme;
  request.authority = std::move(host);
  return sent;
}

base::SharedText Forward::host_for(const Request& request, const Endpoint& endpoint) {
  const config::Cluster& config = cluster_.config();
  if (!request.info.rewritten_host.empty()) return kept(request.info.rewritten_host);
  if (config.host == config::HostRule::url) return kept(config.url_authority);
  if (config.host == config::HostRule::fixed) return kept(config.fixed_host);
  if (!request.authority.empty()) return request.authority;
  if (!config.url_authority.empty()) return kept(config.url_authority);  // HTTP/1.0
  return endpoint.address.is_ip() ? endpoint.text : kept("localhost");
}

// Mostly the same as the last.
base::SharedText Forward::kept(std::string_view host) {
  if (host_ != host) host_ = host;
  return host_;
}

}  // namespace upstream
