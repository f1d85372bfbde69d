#include "proxy/upstream/forward.hpp"

#include <algorithm>
#include <optional>

#include "proxy/upstream/upload.hpp"

namespace upstream {
namespace {

using http::Body;
using http::Reply;
using http::Request;
using http::Result;
using http::Task;

constexpr std::chrono::seconds names_slack{1};  // beyond the timeout of one question

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
  const Endpoint::Use use(endpoint);

  const bool has_body = !request.body.is_empty();
  Body owner;                 // of the upload, or else of the stream
  Upload* upload = nullptr;
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
    http::ClientStream* stream = opened.stream.get();
    const Result<void> sent = send_head(*stream, request, endpoint, !has_body);
    std::optional<http::Error> failure;
    if (!sent) {
      failure = sent.error();
    } else {
      const bool asks_first = request.headers.contains(http::Name::expect);
      if (has_body && !upload) {
        upload = new Upload(info.loop, std::move(request.body), request.interim);
        owner = Body(upload);
      }
      if (upload)
        upload->start(std::move(opened.stream), asks_first);
      else
        owner = Body(opened.stream.release());
      http::Interim& interim = upload ? *upload : request.interim;
      Reply reply = co_await stream->read_head(interim);
      if (reply) {
        info.first_byte = info.now();
        if (upload) upload->head_came();
        if (stream->has_body()) reply->body = std::move(owner);
        co_return reply;
      }
      failure = reply.error();
      if (upload) upload->stop();
    }
    const bool is_repeatable = failure->unsent && (!upload || upload->can_start_again());
    if (!is_repeatable || newer_than != 0) co_return *failure;
    newer_than = endpoint.pool->newest();
  }
}

Result<Endpoint*> Forward::choose(Request& request) {
  // The router may have named it already, and knows its own text again by its place.
  if (request.info.cluster != cluster_.config().name) request.info.cluster = cluster_.config().name;
  Result<Endpoint*> chosen = cluster_.pick(request.scope.avoid);
  if (!chosen) return chosen;
  request.scope.endpoint = *chosen;
  request.scope.has_alternatives = cluster_.has_alternatives();
  request.info.endpoint = (*chosen)->text;
  return chosen;
}

// What goes upstream differs in host and scheme from what the client sent, and only there: the log and
// another attempt are to see the client's.
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
