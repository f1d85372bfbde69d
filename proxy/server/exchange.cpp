#include "proxy/server/exchange.hpp"

#include "proxy/base/ascii.hpp"
#include "proxy/http/datagram.hpp"
#include "proxy/http/final_head.hpp"
#include "proxy/http/grpc.hpp"
#include "proxy/http/hop_by_hop.hpp"
#include "proxy/http/local_reply.hpp"
#include "proxy/http/max_forwards.hpp"
#include "proxy/http/target.hpp"
#include "proxy/http/via.hpp"

namespace server {
namespace {

constexpr int client_closed_request = 499;  // in the log only
constexpr std::uint32_t retry_after_shedding = 1;

// Of an exchange that was never answered.
int status_when_left(base::Reason reason) {
  if (reason == base::Reason::client_gone) return client_closed_request;
  return http::status_of({reason, base::Fault::downstream, ""});
}

// Notes what the client sends, as it is read.
class FromClient final : public http::WrappedSource {
 public:
  FromClient(http::Body inner, http::StreamInfo& info)
      : WrappedSource(std::move(inner)), info_(info) {}

  base::Task<base::Result<base::Bytes>> read() override {
    const Awaited awaited(info_.client_body);
    base::Result<base::Bytes> piece = co_await inner_.read();
    info_.last_byte = info_.now();
    if (piece && http::is_end(*piece))
      info_.client_body.end(info_.now());
    else if (piece)
      info_.bytes_in += piece->size();
    co_return piece;
  }

 private:
  // Also a read that is given up has its end.
  class Awaited {
   public:
    explicit Awaited(http::ClientBody& body) : body_(body) { body_.is_awaited = true; }
    Awaited(const Awaited&) = delete;
    Awaited& operator=(const Awaited&) = delete;
    ~Awaited() { body_.is_awaited = false; }

   private:
    http::ClientBody& body_;
  };

  http::StreamInfo& info_;
};

// Notes where among its messages a body is, as it is read.
class InEnvelopes final : public http::WrappedSource {
 public:
  InEnvelopes(http::Body inner, http::EnvelopePosition& position)
      : WrappedSource(std::move(inner)), position_(position) {}

  base::Task<base::Result<base::Bytes>> read() override {
    base::Result<base::Bytes> piece = co_await inner_.read();
    if (piece) position_.pass(piece->view());
    co_return piece;
  }

 private:
  http::EnvelopePosition& position_;
};

http::Body from_client(http::Body body, http::StreamInfo& info) {
  if (!body.is_empty()) return http::Body(new FromClient(std::move(body), info));
  info.client_body.end(info.started);
  return body;
}

// Most paths hold neither an escape nor a segment that begins with a dot.
bool may_not_be_normal(std::string_view path) {
  return path.starts_with('/') && (path.find('%') != path.npos || path.find("/.") != path.npos);
}

// Words for what comes before a response's head; behind it there is one for all.
base::Reason reason_behind_head(base::Reason reason) {
  const bool has_failed_upstream =
      reason == base::Reason::reset || reason == base::Reason::upstream_protocol_error;
  return has_failed_upstream ? base::Reason::response_aborted : reason;
}

}  // namespace

Exchange::Exchange(base::Ref<base::Counted> generation, const ListenerPolicy& policy,
                   http::Incoming&& incoming, http::ServerStream& stream)
    : generation_(std::move(generation)),
      policy_(policy),
      stream_(stream),
      refused_(incoming.refused),
      info_(policy.loop, stream.connection()),
      scope_(info_.started),
      request_(std::move(incoming.head), from_client(std::move(incoming.body), info_), stream,
               scope_, info_) {
  info_.listener = policy_.name;
  info_.is_outbound = policy_.is_outbound;
  info_.service = policy_.service;
  info_.pseudonym = policy_.pseudonym;
  info_.request_id_field = policy_.request_id_field;
  if (request_.asks_for_tunnel()) info_.client_body.end(info_.started);  // it has none
  change(policy_.counts.exchanges, +1);
}

Exchange::~Exchange() {
  request_.body = http::Body();
  if (!is_over_) {
    if (info_.reason == base::Reason::none) info_.reason = stream_.left_by();
    if (!is_head_sent_) info_.status = status_when_left(info_.reason);
    scope_.outcome.reason = info_.reason;
  }
  scope_.end();
  change(policy_.counts.exchanges, -1);
  policy_.metrics.count(info_, request_.method);
  tell();
}

base::Task<> Exchange::run() {
  http::Reply answer = co_await reply();
  http::Response response = response_of(std::move(answer));
  if (send_head(response)) {
    co_await send_body(response.body);
    const bool is_open = http::opens_tunnel(response.status, request_.method);
    if (is_open && info_.reason == base::Reason::none) co_await carry_rest(response.body);
  }
  is_over_ = true;
}

// Of a tunnel the client's direction may outlast the upstream's.
base::Task<> Exchange::carry_rest(http::Body& body) {
  const base::Result<void> rest = co_await body.rest();
  if (!rest) cut(rest.error());
}

base::Task<> Exchange::cut_short() {
  const base::Error why{base::Reason::drained, base::Fault::proxy,
                        "the proxy ended before the answer was complete"};
  scope_.cut(why.reason);
  if (is_head_sent_) {
    if (frames_ && frames_->may_add_frame()) co_return co_await end_websocket(why);
    cut(why);
    co_return;
  }
  http::Response response = response_of(why);
  if (send_head(response)) co_await send_body(response.body);
}

// By a close frame, as the end of the server would be told.
base::Task<> Exchange::end_websocket(const base::Error& why) {
  note_failure(why.reason);
  const base::Result<void> written =
      co_await stream_.write(base::Bytes::copy_of(http::websocket_going_away));
  if (!written) co_return;
  const base::Result<void> finished = stream_.finish({});
  (void)finished;  // it was told, or is gone
}

base::Task<http::Reply> Exchange::reply() {
  if (const std::optional<base::Error> error = prepare()) return http::Reply(*error);
  if (http::heeds_max_forwards(request_.method))
    if (std::optional<http::Response> answer = http::answer_of_last(request_))
      return http::Reply(std::move(*answer));
  return policy_.chain->handle(request_);
}

std::optional<base::Error> Exchange::prepare() {
  if (refused_) {
    if (policy_.tracer) policy_.tracer->begin(request_, info_);
    return refused_;
  }
  if (std::optional<base::Error> error = prepare_headers()) return error;
  if (policy_.admission.is_shedding()) {
    base::Error error{base::Reason::shed, base::Fault::proxy, "memory is short"};
    error.retry_after = retry_after_shedding;
    return error;
  }
  return prepare_path();
}

std::optional<base::Error> Exchange::prepare_headers() {
  http::clean_request(request_);
  info_.is_grpc = http::is_grpc(request_.headers);
  http::apply_forwarded(policy_.forwarded, request_, info_);
  if (policy_.tracer) policy_.tracer->begin(request_, info_);
  if (request_.headers.contains(http::Name::via) &&
      http::has_passed(request_.headers, policy_.pseudonym))
    return base::Error{base::Reason::loop_detected, base::Fault::downstream,
                       "the request has passed this listener before"};
  request_.headers.add(http::Name::via,
                       info_.connection.protocol == "h2" ? policy_.via_h2 : policy_.via_http1);
  return std::nullopt;
}

// The path that is matched is the one that is forwarded.
std::optional<base::Error> Exchange::prepare_path() {
  if (policy_.rejects_encoded_slash && http::has_encoded_slash(request_.path))
    return base::Error{base::Reason::bad_request, base::Fault::downstream,
                       "an encoded slash in the path"};
  if (!policy_.normalizes_path || !may_not_be_normal(request_.path)) return std::nullopt;
  std::optional<std::string> normal = http::normalize_path(request_.path);
  if (!normal)
    return base::Error{base::Reason::bad_request, base::Fault::downstream,
                       "the path leads above the root"};
  if (*normal == request_.path) return std::nullopt;
  info_.client_path = std::move(request_.path);
  request_.path = std::move(*normal);
  return std::nullopt;
}

http::Response Exchange::response_of(http::Reply&& answer) {
  if (answer) {
    info_.reason = answer->reason;
    return std::move(*answer);
  }
  const base::Error& error = answer.error();
  info_.reason = error.reason;
  info_.detail = error.detail;
  info_.cause = error.cause;
  scope_.outcome.reason = error.reason;
  http::Response response = http::local_reply(error, request_);
  if (info_.connection.protocol == "tcp") response.body = http::Body();  // nobody could read it
  return response;
}

// Whether a body is to follow.
bool Exchange::send_head(http::Response& response) {
  info_.status = response.status;
  scope_.outcome.status = response.status;
  info_.first_byte = info_.now();
  if (info_.is_grpc) note_grpc_status(http::grpc_status_of(response));
  http::complete_head(response, request_.method, info_.loop.wall(info_.now()));
  const bool ends = response.body.is_empty();
  ends_with_status_ = info_.is_grpc && http::has_status_in_fields(response.headers) &&
                      !response.headers.contains(http::Name::content_length);
  watch_envelopes(response);
  if (response.status == 101 && !ends) {
    frames_ = std::make_unique<FramesToClient>();
    response.body = frames_->follow(std::move(response.body));
  }
  is_head_sent_ = true;
  const base::Result<void> sent = stream_.send_head(response, ends);
  if (!sent) note_failure(sent.error().reason);
  return sent && !ends;
}

// How the end of a stream of gRPC-Web or Connect is told, should it not come by itself. In base64
// the place of the next message is not known.
void Exchange::watch_envelopes(http::Response& response) {
  if (!response.is_from_upstream || response.body.is_empty()) return;
  if (ends_with_status_ || response.headers.contains(http::Name::content_length)) return;
  const http::RpcForm form = http::rpc_form(request_);
  if (form != http::RpcForm::grpc_web && form != http::RpcForm::connect_stream) return;
  closing_form_ = form;
  response.body = http::Body(new InEnvelopes(std::move(response.body), position_));
}

base::Task<> Exchange::send_body(http::Body& body) {
  const http::Pumped how = co_await http::pump(body, stream_, info_);
  if (how.source && can_be_told_in_body()) co_return co_await end_in_body(*how.source);
  note_end(body, how);
}

// Not if the stream has ended for its reader: there is but one end.
bool Exchange::can_be_told_in_body() const {
  return closing_form_ != http::RpcForm::none && position_.is_between_messages() &&
         !http::closes_stream(position_.flags(), closing_form_);
}

// As cut(), for who reads the end of a stream in its body.
base::Task<> Exchange::end_in_body(const base::Error& why) {
  note_failure(reason_behind_head(why.reason));
  base::Bytes last = base::Bytes::copy_of(http::closing_envelope(why, closing_form_, info_));
  const base::Result<void> written = co_await stream_.write(std::move(last));
  if (!written) co_return;
  if (info_.is_grpc) note_grpc_status(http::grpc_status_of(why));
  const base::Result<void> finished = stream_.finish({});
  (void)finished;  // the client has left: nobody is to be told
}

void Exchange::note_end(const http::Body& body, const http::Pumped& how) {
  if (how.source) return cut(*how.source);
  if (how.sink) return stop_sending(*how.sink);
  if (info_.is_grpc) note_grpc_status(http::grpc_status_in(body.trailers()));
}

// No fault of the upstream's: what counts its failures is told that the client has left.
void Exchange::stop_sending(const base::Error& why) {
  note_failure(why.reason);
  if (why.reason != base::Reason::idle_timeout) return;
  scope_.outcome.reason = base::Reason::client_gone;
  stream_.abort(why);
}

void Exchange::note_failure(base::Reason reason) {
  info_.reason = reason;
  scope_.outcome.reason = reason;
}

void Exchange::note_grpc_status(int status) {
  if (status < 0) return;
  info_.grpc_status = status;
  scope_.outcome.grpc_status = status;
}

// The head is out, and the rest will not come. A gRPC call is told so in its own form, also within
// a message: one that was cut is none to any client. Others can only be shown that theirs is
// incomplete.
void Exchange::cut(const base::Error& why) {
  note_failure(reason_behind_head(why.reason));
  info_.detail = why.detail;
  info_.cause = why.cause;
  if (info_.connection.protocol == "udp") info_.status = http::status_of(why);  // nobody was told
  if (!ends_with_status_ || !stream_.carries_trailers()) return stream_.abort(why);
  const http::Headers trailers = http::closing_trailers(why, info_);
  note_grpc_status(http::grpc_status_in(trailers));
  const base::Result<void> finished = stream_.finish(trailers);
  (void)finished;  // the client has left: nobody is to be told
}

// Who does not trace still says which trace it was, if the client did.
void Exchange::note_trace() {
  if (!info_.trace.id.is_none() || !request_.headers.may_contain({http::Name::traceparent})) return;
  if (const auto parent = http::find_traceparent(request_.headers)) info_.trace.id = parent->id;
}

// The log, and whoever looks; all of them are to know it by the same id.
void Exchange::tell() {
  const std::string_view kept_for =
      policy_.spectators ? observe::RecentRequests::worth(info_) : std::string_view();
  const bool is_tapped = policy_.spectators && policy_.spectators->tap.is_watched();
  const bool is_seen = is_tapped || !kept_for.empty();
  const bool is_traced = policy_.tracer && info_.trace.is_sampled();
  if (!policy_.log && !is_seen && !is_traced) return;
  const base::SharedText& sent = info_.client_path.empty() ? request_.path : info_.client_path;
  const std::string_view target = sent.view();
  const observe::AccessRecord record{request_.method_text(), request_.authority,
                                     target.substr(0, target.find('?')), info_.now()};
  note_trace();
  if (is_traced) policy_.tracer->end(request_, info_, record);
  if (is_seen) info_.request_id();
  if (policy_.log) policy_.log->write(info_, record);
  if (!kept_for.empty()) policy_.spectators->recent.keep(info_, record, kept_for);
  if (is_tapped) policy_.spectators->tap.offer(info_, record);
}

}  // namespace server
