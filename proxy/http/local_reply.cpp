#include "proxy/http/local_reply.hpp"

#include "proxy/base/ascii.hpp"
#include "proxy/base/field_names.hpp"
#include "proxy/base/json.hpp"
#include "proxy/http/final_head.hpp"
#include "proxy/http/grpc.hpp"
#include "proxy/http/proxy_status.hpp"
#include "proxy/http/rpc_form.hpp"
#include "proxy/http/status.hpp"
#include "proxy/http/via.hpp"

#include <algorithm>

namespace http {
namespace {

struct Row {
  int status;
  int grpc;
  std::string_view proxy_status;
};

Row row_of(Reason reason) {
  switch (reason) {
    case Reason::bad_request:
      return {400, 13, "http_request_error"};
    case Reason::headers_too_large:
      return {431, 8, "http_request_error"};
    case Reason::target_too_long:
      return {414, 8, "http_request_error"};
    case Reason::body_too_large:
      return {413, 8, "http_request_error"};
    case Reason::request_timeout:
      return {408, 4, "http_request_error"};
    case Reason::method_not_allowed:
      return {405, 12, "http_request_error"};
    case Reason::expectation_failed:
      return {417, 12, "http_request_error"};
    case Reason::not_implemented:
      return {501, 12, "http_request_error"};
    case Reason::no_route:
      return {404, 12, "destination_not_found"};
    case Reason::no_endpoint:
    case Reason::circuit_open:
      return {503, 14, "destination_unavailable"};
    case Reason::pool_full:
    case Reason::bulkhead_full:
    case Reason::shed:
      return {503, 8, "connection_limit_reached"};
    case Reason::throttled:
      return {429, 8, "http_request_denied"};
    case Reason::dns_failure:
      return {502, 14, "dns_error"};
    case Reason::connect_failure:
      return {502, 14, "connection_refused"};
    case Reason::tls_failure:
      return {502, 14, "tls_protocol_error"};
    case Reason::connect_timeout:
      return {504, 14, "connection_timeout"};
    case Reason::refused:
    case Reason::drained:
      return {503, 14, "connection_terminated"};
    case Reason::reset:
    case Reason::response_aborted:
      return {502, 14, "connection_terminated"};
    case Reason::upstream_protocol_error:
    case Reason::response_too_large:
      return {502, 13, "http_protocol_error"};
    case Reason::response_timeout:
    case Reason::total_timeout:
    case Reason::idle_timeout:
      return {504, 4, "http_response_timeout"};
    case Reason::denied:
      return {403, 7, "http_request_denied"};
    case Reason::loop_detected:
      return {508, 13, "proxy_loop_detected"};
    case Reason::fault:
      return {503, 14, "proxy_internal_response"};
    case Reason::client_gone:
      return {400, 1, "http_request_error"};
    case Reason::none:
    case Reason::internal:
    case Reason::budget_exhausted:
    case Reason::outrun:
      break;
  }
  return {500, 13, "proxy_internal_error"};
}

std::string_view proxy_status_of(const Error& error) {
  const bool is_certificate =
      error.cause && error.cause.category().name() == std::string_view("certificate");
  if (error.reason == Reason::tls_failure && is_certificate) return "tls_certificate_error";
  return row_of(error.reason).proxy_status;
}

// An owner's own app is told everything, others only the reason, and how they are to speak.
std::string detail_of(const Error& error, const StreamInfo& info) {
  const bool is_for_all = error.reason == Reason::bad_request && error.lasting;
  if (!info.is_outbound && !is_for_all) return std::string(base::to_string(error.reason));
  std::string detail(error.detail);
  if (!info.cluster.empty()) detail.append("; cluster ").append(info.cluster);
  const std::string_view endpoint = info.attempt.endpoint;
  if (!endpoint.empty()) detail.append(", endpoint ").append(endpoint);
  if (info.attempts > 1) detail.append(", attempt ").append(std::to_string(info.attempts));
  if (!info.retry_denied.empty()) detail.append(", no retry: ").append(info.retry_denied);
  if (error.cause) detail.append(": ").append(error.cause.message());
  return detail;
}

// `q=0`, with as many decimals as it may have: not wanted at all.
bool is_refused(std::string_view parameters) {
  bool refused = false;
  while (!parameters.empty() && !refused) {
    const std::size_t end = std::min(parameters.find(';'), parameters.size());
    const std::string each = base::lower_case(base::trim(parameters.substr(0, end)));
    refused = each.starts_with("q=0") && each.find_first_not_of("0.", 2) == each.npos;
    parameters.remove_prefix(std::min(end + 1, parameters.size()));
  }
  return refused;
}

bool wants_json(const Headers& request) {
  bool wants = false;
  for (const Headers::Field field : request) {
    if (field.id != Name::accept) continue;
    base::for_each_element(field.value, [&](std::string_view element) {
      const std::size_t end = std::min(element.find(';'), element.size());
      const std::string type = base::lower_case(base::trim(element.substr(0, end)));
      const bool is_json = type == "application/json" || type.ends_with("+json");
      wants = wants || (is_json && !is_refused(element.substr(end)));
      return !wants;
    });
  }
  return wants;
}

std::string problem_json(const Error& error, int status, const std::string& detail,
                         StreamInfo& info) {
  base::JsonWriter json;
  json.open('{').text("type", "about:blank").text("title", reason_phrase(status));
  json.number("status", static_cast<std::uint64_t>(status)).text("detail", detail);
  json.text("reason", base::to_string(error.reason)).text("request_id", info.request_id());
  if (error.reason == Reason::throttled) {
    const std::string seconds = std::to_string(error.retry_after);
    json.text("error", base::to_string(error.reason));
    json.text("message", "too many requests: try again in " + seconds + " s");
    json.number("retry_after", error.retry_after);
  }
  return json.close('}').take();
}

std::string one_line(const Error& error, int status, const std::string& detail, StreamInfo& info) {
  std::string line = std::to_string(status);
  if (const std::string_view phrase = reason_phrase(status); !phrase.empty())
    line.append(" ").append(phrase);
  line += ": ";
  const std::string_view reason = base::to_string(error.reason);
  line += reason;
  if (detail != reason) line.append(": ").append(detail);
  line.append("; request_id ").append(info.request_id());
  for (char& c : line)
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  return line.append("\n");
}

void add_body(Response& response, const Error& error, const std::string& detail, Request& request) {
  // What is throttled is a program, which reads when it may come again.
  const bool is_json = error.reason == Reason::throttled || wants_json(request.headers);
  const std::string body = is_json ? problem_json(error, response.status, detail, request.info)
                                   : one_line(error, response.status, detail, request.info);
  response.headers.add(Name::content_type,
                       is_json ? "application/problem+json" : "text/plain; charset=utf-8");
  response.headers.add(Name::content_length, std::to_string(body.size()));
  response.body = Body::of(Bytes::copy_of(body));
}

}  // namespace

int status_of(const Error& error) {
  return error.status ? error.status : row_of(error.reason).status;
}

int grpc_status_of(const Error& error) {
  if (error.reason == Reason::denied && error.status == 401) return 16;
  if (error.reason == Reason::response_aborted && error.code != 0)
    return grpc_status_of_reset(error.code);
  return row_of(error.reason).grpc;
}

Response local_reply(const Error& error, Request& request) {
  StreamInfo& info = request.info;
  Response response;
  response.is_from_upstream = false;
  response.reason = error.reason;
  const std::string detail = detail_of(error, info);
  response.status = status_of(error);
  if (const RpcForm form = rpc_form(request); form != RpcForm::none) {
    const RpcError told{grpc_status_of(error), detail};
    tell_rpc_error(told, form, request.headers, response);
  } else if (response.status != 205 && may_have_content(response.status, Method::get)) {
    add_body(response, error, detail, request);  // the fault filter may be told any status
  }
  if (error.retry_after > 0)
    response.headers.add(Name::retry_after, std::to_string(error.retry_after));
  if (error.reason == Reason::throttled)
    for (const Headers::Field field : info.throttle_fields)
      response.headers.add(field.name, field.value);
  say_proxy_status(response.headers, info.service, proxy_status_of(error),
                   {error.reason, !info.may_have_arrived},
                   passed_on_by(request.headers, info.pseudonym));
  if (!info.request_id_field.empty())
    response.headers.add(info.request_id_field, info.request_id());
  return response;
}

Headers closing_trailers(const Error& error, const StreamInfo& info) {
  Headers trailers;
  say_grpc_status(trailers, {grpc_status_of(error), detail_of(error, info)});
  return trailers;
}

std::string closing_envelope(const Error& error, RpcForm form, const StreamInfo& info) {
  return closing_envelope({grpc_status_of(error), detail_of(error, info)}, form);
}

}  // namespace http
