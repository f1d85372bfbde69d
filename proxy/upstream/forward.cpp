#include "proxy/upstream/forward.hpp"

#include "proxy/upstream/upload.hpp"

#include <algorithm>
#include <memory>

namespace upstream {
namespace {

using http::Body;
using http::Reply;
using http::Request;
using http::Result;
using http::Task;

constexpr std::chrono::seconds names_slack{1};  // beyond the timeout of one question

// The stream of one exchange at a time, and whatever of the request follows its head.
class Sending {
 public:
  explicit Sending(Request& request)
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
    request_.info.first_byte = request_.info.now();
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

void note_connection(http::StreamInfo& info, const Pool::Opened& opened) {
  info.connected = info.now();
  info.was_reused = opened.was_reused;
  const base::Duration waited = info.connected - info.queued;
  info.connect_time = std::min(opened.connect_time, waited);
  info.queue_time = waited - info.connect_time;
}

}  // namespace

Forward::Forward(Cluster& cluster)
    : cluster_(cluster), scheme_(cluster.is_tls() ? "https" : "http") {}

Task<Reply> Forward::handle(Request& request) {
  http::StreamInfo& info = request.info;
  ++info.attempts;
  if (!cluster_.is_known()) {
    const base::Duration longest = cluster_.config().dns.timeout + names_slack;
    co_await cluster_.known(std::min(info.deadline, info.now() + longest));
  }
  const Result<Endpoint*> chosen = choose(request);
  if (!chosen) co_return chosen.error();
  Endpoint& endpoint = **chosen;
  const base::Ref<Endpoint> use(endpoint);  // also if its address vanishes meanwhile

  Sending sending(request);
  std::uint64_t newer_than = 0;
  for (;;) {
    info.queued = info.now();
    Pool::Opened opened;
    if (newer_than == 0) opened = endpoint.pool->open_now();
    if (!opened.stream) {
      Result<Pool::Opened> waited = co_await endpoint.pool->open(info.deadline, newer_than);
      if (!waited) co_return waited.error();
      opened = std::move(*waited);
    }
    note_connection(info, opened);
    http::ClientStream& stream = *opened.stream;
    const Result<void> sent = send_head(stream, request, endpoint, !sending.has_body());
    if (!sent && (!sent.error().unsent || newer_than != 0)) co_return sent.error();
    if (sent) {
      http::Interim& interim = sending.go_on(std::move(opened.stream));
      Reply reply = co_await stream.read_head(interim);
      const bool is_last = reply || !reply.error().unsent || newer_than != 0;
      if (reply) {
        Body body = sending.head_came();
        if (stream.has_body()) reply->body = std::move(body);
      }
      if (is_last || !sending.can_go_on()) co_return reply;
    }
    newer_than = endpoint.pool->newest();
  }
}

Result<Endpoint*> Forward::choose(Request& request) {
  request.info.cluster = cluster_.config().name;
  Result<Endpoint*> chosen = cluster_.pick(request.scope.avoid);
  if (!chosen) return chosen;
  request.scope.endpoint = *chosen;
  request.scope.has_alternatives = cluster_.has_alternatives();
  request.info.endpoint = (*chosen)->text;
  return chosen;
}

// What goes upstream differs in host and scheme from what the client sent, and only there: the log
// and another attempt are to see the client's.
Result<void> Forward::send_head(http::ClientStream& stream, Request& request,
                                const Endpoint& endpoint, bool ends) {
  const bool swaps_host = replaces_host(request, endpoint);
  if (swaps_host) request.authority.swap(host_);
  request.scheme.swap(scheme_);
  const Result<void> sent = stream.send_head(request, ends);
  request.scheme.swap(scheme_);
  if (swaps_host) request.authority.swap(host_);
  return sent;
}

bool Forward::replaces_host(const Request& request, const Endpoint& endpoint) {
  const config::Cluster& config = cluster_.config();
  if (!request.info.rewritten_host.empty()) {
    host_ = request.info.rewritten_host;
  } else if (config.host == config::HostRule::url) {
    host_ = config.url_authority;
  } else if (config.host == config::HostRule::fixed) {
    host_ = config.fixed_host;
  } else if (request.authority.empty()) {  // HTTP/1.0
    host_ = config.url_authority.empty() ? endpoint.text : config.url_authority;
  } else {
    return false;
  }
  return true;
}

}  // namespace upstream
