#include "proxy/observe/spans.hpp"

#include "proxy/base/ascii.hpp"
#include "proxy/base/json.hpp"

#include <algorithm>
#include <string>

namespace observe {
namespace {

using base::Reason;
using http::Name;

constexpr std::size_t longest_attribute = 1024;
constexpr std::size_t usual_size = 2048;  // of a span
constexpr int kind_server = 2, kind_client = 3, status_error = 2;
constexpr unsigned parent_is_known = 0x100, parent_is_remote = 0x200;  // in a span's flags

// "a.b.C" and "Do" of "/a.b.C/Do".
struct Call {
  std::string_view service, method;
};

Call call_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == path.npos || slash == 0) return {};
  return {path.substr(1, slash - 1), path.substr(slash + 1)};
}

struct Place {
  std::string_view host;
  std::string_view port;  // "" = not said
};

// Of "host:port", "[v6]:port", "host"; a unix socket is a host.
Place place_of(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (text.starts_with("unix:") || text.starts_with('/')) return {text, {}};
  const bool has_port = colon != text.npos && text.find(']', colon) == text.npos &&
                        (text.find(':') == colon || text.starts_with('['));
  std::string_view host = has_port ? text.substr(0, colon) : text;
  const std::string_view port = has_port ? text.substr(colon + 1) : std::string_view();
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return {host, port};
}

std::string_view version_of(std::string_view protocol) {
  return protocol == "h2" ? "2" : "1.1";
}

enum class Of { exchange, mirror };

class Span {
 public:
  Span(const http::StreamInfo& info, const AccessRecord& record) : info_(info), record_(record) {}

  std::string server(const http::RequestHead& head) {
    begin(info_.trace.span, info_.trace.parent, kind_server);
    if (info_.trace.parent != 0)
      if (const auto state = head.headers.find(Name::tracestate)) json_.text("traceState", *state);
    name(info_.route);
    times(info_.started, record_.ended);
    open_attributes();
    text("url.scheme", info_.connection.is_tls ? "https" : "http");
    text("url.path", record_.path);
    text("network.protocol.version", version_of(info_.connection.protocol));
    server_place(place_of(record_.host));
    peer_place(place_of(info_.connection.remote.to_string()));
    text("client.address",
         info_.source().is_unix() ? info_.source().to_string() : info_.source().ip());
    if (const auto agent = head.headers.find("user-agent")) text("user_agent.original", *agent);
    text("http.route", info_.route);
    status_code(info_.status, info_.reason);
    rpc(info_.grpc_status);
    text("outrider.listener", info_.listener);
    text("outrider.cluster", info_.cluster);
    text("outrider.retry_denied", info_.retry_denied);
    server_status();
    return take();
  }

  // In the exchange's order they are numbered from 1.
  std::string client(const http::Attempt& attempt, Of of) {
    begin(attempt.span, attempt.parent, kind_client);
    name({});
    times(attempt.begun, attempt.ended == base::never ? record_.ended : attempt.ended);
    open_attributes();
    const Place endpoint = place_of(attempt.endpoint);
    server_place(endpoint);
    peer_place(endpoint);
    if (!record_.host.empty() && record_.path.starts_with('/'))
      text("url.full",
           std::string(attempt.scheme).append("://").append(record_.host).append(record_.path));
    status_code(attempt.outcome.status, attempt.outcome.reason);
    const int grpc_status = grpc_status_of(attempt);
    rpc(grpc_status);
    if (attempt.number > 1) number("http.request.resend_count", attempt.number - 1);
    text("outrider.cluster", attempt.cluster);
    if (attempt.is_hedge) flag("outrider.hedge", true);
    if (of == Of::mirror) flag("outrider.mirror", true);
    if (attempt.connected != base::never) flag("outrider.connection.reused", attempt.was_reused);
    client_status(attempt, grpc_status);
    return take();
  }

 private:
  void begin(std::uint64_t span, std::uint64_t parent, int kind) {
    const http::Trace& trace = info_.trace;
    json_.open('{').text("traceId", http::view(http::text_of(trace.id)));
    json_.text("spanId", http::view(http::span_text(span)));
    if (parent != 0) json_.text("parentSpanId", http::view(http::span_text(parent)));
    json_.number("flags", trace.flags | parent_is_known |
                              (kind == kind_server && parent != 0 ? parent_is_remote : 0));
    json_.number("kind", static_cast<std::uint64_t>(kind));
  }

  // "GET orders"; of a call "shop.v1.Orders/Place".
  void name(std::string_view target) {
    std::string text(method());
    if (text == "_OTHER") text = "HTTP";
    if (info_.is_grpc && !record_.path.empty())
      text = record_.path.substr(1, longest_attribute);
    else if (!target.empty())
      text.append(" ").append(target);
    json_.text("name", text);
  }

  void times(base::Time from, base::Time to) {
    json_.text("startTimeUnixNano", nanos(from));
    json_.text("endTimeUnixNano", nanos(std::max(from, to)));
  }
  std::string nanos(base::Time at) const {
    return std::to_string(std::chrono::duration_cast<std::chrono::nanoseconds>(
                              info_.loop.wall(at).time_since_epoch())
                              .count());
  }

  std::string_view method() const {
    return http::method_from(record_.method) == http::Method::other ? "_OTHER" : record_.method;
  }

  void open_attributes() {
    json_.key("attributes").open('[');
    text("http.request.method", method());
    if (method() == "_OTHER") text("http.request.method_original", record_.method);
  }
  void text(std::string_view key, std::string_view value) {
    if (value.empty()) return;
    begin_attribute(key, "stringValue\":\"");
    base::append_json(attribute_, value, longest_attribute);
    json_.raw(attribute_.append("\"}}"));
  }
  void number(std::string_view key, std::int64_t value) {
    begin_attribute(key, "intValue\":\"");
    json_.raw(attribute_.append(std::to_string(value)).append("\"}}"));
  }
  void flag(std::string_view key, bool value) {
    begin_attribute(key, "boolValue\":");
    json_.raw(attribute_.append(value ? "true" : "false").append("}}"));
  }
  // As one piece: a span is mostly attributes. The key needs no escape.
  void begin_attribute(std::string_view key, std::string_view kind) {
    attribute_.assign("{\"key\":\"").append(key).append("\",\"value\":{\"").append(kind);
  }
  void peer_place(const Place& place) {
    text("network.peer.address", place.host);
    port("network.peer.port", place);
  }
  void server_place(const Place& place) {
    text("server.address", place.host);
    port("server.port", place);
  }
  void port(std::string_view key, const Place& place) {
    if (const auto port = base::parse_decimal<std::uint16_t>(place.port)) number(key, *port);
  }
  // Whoever left before the answer was not answered 499.
  void status_code(int status, Reason reason) {
    if (status != 0 && reason != Reason::client_gone)
      number("http.response.status_code", status);
  }
  void rpc(int grpc_status) {
    if (!info_.is_grpc) return;
    const Call call = call_of(record_.path);
    text("rpc.system", "grpc");
    text("rpc.service", call.service);
    text("rpc.method", call.method);
    if (grpc_status >= 0) number("rpc.grpc.status_code", grpc_status);
  }
  // Known at the answer's head, unless it is the one that the exchange was answered with.
  int grpc_status_of(const http::Attempt& attempt) const {
    const bool is_answer = &attempt == &info_.attempt && attempt.outcome.status != 0;
    return attempt.outcome.grpc_status < 0 && is_answer ? info_.grpc_status
                                                        : attempt.outcome.grpc_status;
  }

  // A client that leaves a stream ends it as it should.
  void server_status() {
    const bool has_left = info_.reason == Reason::client_gone && info_.first_byte != base::never;
    const bool has_broken_off = info_.reason == Reason::client_gone ||
                                info_.reason == Reason::response_aborted ||
                                info_.reason == Reason::drained;
    constexpr int faults[] = {2, 4, 12, 13, 14, 15};  // of the server, among gRPC's
    const bool is_fault = std::find(std::begin(faults), std::end(faults), info_.grpc_status) !=
                          std::end(faults);
    const bool has_failed =
        !has_left && (info_.status >= 500 || has_broken_off || (info_.is_grpc && is_fault));
    const std::string_view reason = base::to_string(info_.reason);
    if (!has_failed) text("outrider.reason", reason);
    end(has_failed, reason, info_.status, info_.is_grpc ? info_.grpc_status : -1, info_.detail);
  }
  void client_status(const http::Attempt& attempt, int grpc_status) {
    const http::Outcome& outcome = attempt.outcome;
    const bool is_cut = &attempt == &info_.attempt && info_.reason == Reason::response_aborted;
    const Reason reason = outcome.reason == Reason::none && is_cut ? info_.reason : outcome.reason;
    const bool is_outrun = reason == Reason::outrun;  // given up for another that was quicker
    if (is_outrun) text("outrider.reason", base::to_string(reason));
    const bool has_failed =
        !is_outrun && (reason != Reason::none || outcome.status >= 400 || grpc_status > 0);
    end(has_failed, base::to_string(reason), outcome.status, grpc_status, attempt.detail);
  }
  void end(bool has_failed, std::string_view reason, int status, int grpc_status,
           std::string_view detail) {
    if (has_failed)
      text("error.type", !reason.empty()    ? std::string(reason)
                         : grpc_status > 0 ? std::to_string(grpc_status)
                                           : std::to_string(status));
    json_.close(']');
    if (!has_failed) return;
    json_.key("status").open('{').number("code", status_error);
    if (!detail.empty()) json_.text("message", detail);
    json_.close('}');
  }
  std::string take() { return json_.close('}').take(); }

  base::JsonWriter json_{usual_size};
  std::string attribute_;
  const http::StreamInfo& info_;
  const AccessRecord& record_;
};

// An answer that several exchanges shared has its attempts in the first's.
void visit_attempts(const http::StreamInfo& info, const AccessRecord& record, Of of,
                    const VisitSpan& visit) {
  const auto visit_attempt = [&](const http::Attempt& attempt) {
    if (attempt.span != 0 && attempt.parent == info.trace.span && attempt.begun != base::never)
      visit(Span(info, record).client(attempt, of));
  };
  for (const http::Attempt& other : info.other_attempts) visit_attempt(other);
  visit_attempt(info.attempt);
}

}  // namespace

void for_each_span(const http::RequestHead& head, const http::StreamInfo& info,
                   const AccessRecord& record, const VisitSpan& visit) {
  visit(Span(info, record).server(head));
  visit_attempts(info, record, Of::exchange, visit);
}

void for_each_span_of_mirror(const http::StreamInfo& info, const AccessRecord& record,
                             const VisitSpan& visit) {
  visit_attempts(info, record, Of::mirror, visit);
}

}  // namespace observe
