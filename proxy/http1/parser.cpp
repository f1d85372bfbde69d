#include "proxy/http1/parser.hpp"

#include "proxy/base/ascii.hpp"
#include "proxy/base/field_names.hpp"
#include "proxy/http/final_head.hpp"
#include "proxy/http/target.hpp"
#include "proxy/http1/fields.hpp"

namespace http1 {
namespace {

using base::Error;
using base::Reason;
using base::Result;

Error bad_request(std::string_view why) {
  return refused(Side::request, why, Reason::bad_request);
}
Error bad_response(std::string_view why) {
  return refused(Side::response, why, Reason::upstream_protocol_error);
}

// 1 or 0 for HTTP/1.x, -1 for anything else.
int minor_version_of(std::string_view text) {
  if (text == "HTTP/1.1") return 1;
  return text == "HTTP/1.0" ? 0 : -1;
}

// "http://a.test/x?y": gives the authority, leaves the path, which is "" for "http://a.test".
bool take_absolute(std::string_view& target, std::string_view& authority) {
  const std::size_t scheme_end = target.find("://");
  if (scheme_end == target.npos) return false;
  const std::string_view scheme = target.substr(0, scheme_end);
  if (!base::same_ignoring_case(scheme, "http") && !base::same_ignoring_case(scheme, "https"))
    return false;
  target.remove_prefix(scheme_end + 3);
  authority = target.substr(0, target.find_first_of("/?"));
  target.remove_prefix(authority.size());
  return http::valid_authority(authority);
}

// The four forms of RFC 9112 3.2.
Result<void> take_target(std::string_view target, ParsedRequest& head) {
  head.authority = {};
  if (head.method == "CONNECT") {
    if (!http::valid_authority(target) || !http::split_authority(target).port)
      return bad_request("the target of CONNECT is not host:port");
    head.authority = target;
    head.path = {};
    return {};
  }
  if (target == "*") {
    if (head.method != "OPTIONS") return bad_request("the target `*` is for OPTIONS only");
    head.path = target;
    return {};
  }
  if (!target.starts_with('/')) {
    if (!take_absolute(target, head.authority))
      return bad_request("the request target is not a path or an http URL");
    if (target.empty()) target = head.method == "OPTIONS" ? "*" : "/";  // RFC 9112 3.2.4
  }
  if (target != "*" && !http::valid_path(target))
    return bad_request("the request target has a character that must be escaped");
  head.path = target;
  return {};
}

Result<void> parse_request_line(std::string_view line, const HeadLimits& limits,
                                ParsedRequest& head) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == line.npos || first == last) return bad_request("the request line is not in 3 parts");
  head.method = line.substr(0, first);
  if (head.method.size() > longest_method || !base::is_token(head.method))
    return bad_request("the method is not a token");
  const std::string_view target = line.substr(first + 1, last - first - 1);
  if (target.size() > limits.target_bytes)
    return refused(Side::request, "the request target is over limits.target_bytes",
                   Reason::target_too_long);
  head.minor_version = minor_version_of(line.substr(last + 1));
  if (head.minor_version < 0) return bad_request("the version is not HTTP/1.0 or HTTP/1.1");
  return take_target(target, head);
}

bool names_same(std::string_view target, std::string_view host) {
  const http::Authority wanted = http::split_authority(target);
  const http::Authority named = http::split_authority(host);
  return base::same_ignoring_case(wanted.host, named.host) &&
         (!named.port || named.port == wanted.port);
}

// RFC 9112 3.2: an absolute target wins over `host`, but that must be valid all the same. That of
// CONNECT has no other form, so one of the two lies; clients may leave the port out of `host`.
Result<void> take_host(const FieldReader& reader, ParsedRequest& head) {
  if (!reader.host) {
    if (head.minor_version == 1) return bad_request("there is no host field");
    return {};
  }
  const bool is_needless = head.minor_version == 0 && reader.host->empty();
  if (!is_needless && !http::valid_authority(*reader.host))
    return bad_request("the host field is not host or host:port");
  if (head.method == "CONNECT" && !is_needless && !names_same(head.authority, *reader.host))
    return bad_request("the host field is not the target of CONNECT");
  if (head.authority.empty()) head.authority = *reader.host;
  return {};
}

// RFC 9110 10.1.1: nothing to ask for without content, and not by HTTP/1.0.
Result<void> take_expectation(FieldReader& reader, ParsedRequest& head) {
  head.expects_continue = false;
  if (reader.expect.empty()) return {};
  if (!base::same_ignoring_case(reader.expect, "100-continue"))
    return refused(Side::request, "an expectation other than 100-continue",
                   Reason::expectation_failed);
  const bool has_body = head.is_chunked || head.content_length.value_or(0) > 0;
  head.expects_continue = head.minor_version == 1 && has_body;
  if (!head.expects_continue) reader.forget(http::Name::expect);
  return {};
}

void take_upgrade(const FieldReader& reader, ParsedRequest& head) {
  head.is_websocket = reader.has_upgrade_option && head.method == "GET" &&
                      head.minor_version == 1 && !reader.websocket_key.empty() &&
                      base::same_ignoring_case(reader.upgrade, "websocket");
}

Result<void> parse_status_line(std::string_view line, ParsedResponse& head) {
  head.minor_version = minor_version_of(line.substr(0, 8));
  if (head.minor_version < 0 || line.size() < 12 || line[8] != ' ')
    return bad_response("the status line is not one of HTTP/1");
  const auto status = base::parse_decimal<std::uint16_t>(line.substr(9, 3));
  if (!status || *status < 100 || *status > 999)
    return bad_response("the status is not between 100 and 999");
  if (line.size() > 12 && line[12] != ' ')
    return bad_response("the status line is not one of HTTP/1");
  head.status = *status;
  return {};
}

std::optional<std::chrono::seconds> timeout_of(std::string_view keep_alive) {
  constexpr std::string_view prefix = "timeout=";
  std::optional<std::chrono::seconds> timeout;
  base::for_each_element(keep_alive, [&](std::string_view element) {
    if (!base::same_ignoring_case(element.substr(0, prefix.size()), prefix)) return true;
    if (const auto count = base::parse_decimal<std::uint32_t>(element.substr(prefix.size())))
      timeout = std::chrono::seconds(*count);
    return false;
  });
  return timeout;
}

// The start line of a whole head, and its field lines.
struct HeadText {
  HeadText(std::string_view bytes, std::size_t end, const ScanState& scan)
      : start_line(bytes.substr(scan.head_start, scan.fields_start - 2 - scan.head_start)),
        fields(bytes.substr(scan.fields_start, end - 2 - scan.fields_start)) {}
  std::string_view start_line, fields;
};

}  // namespace

Result<std::size_t> parse_request_head(std::string_view bytes, const HeadLimits& limits,
                                       ScanState& scan, ParsedRequest& head) {
  head.method = head.path = head.authority = {};
  const Result<std::size_t> end = find_head_end(bytes, Side::request, limits, scan);
  if (!end || *end == 0) return end;
  const HeadText text(bytes, *end, scan);
  head.content_length.reset();
  head.is_chunked = false;
  if (auto line = parse_request_line(text.start_line, limits, head); !line) return line.error();
  FieldReader reader(head, Side::request);
  if (auto fields = reader.read(text.fields, limits); !fields) return fields.error();
  if (auto framing = reader.decide_framing(); !framing) return framing.error();
  if (auto host = take_host(reader, head); !host) return host.error();
  if (auto expectation = take_expectation(reader, head); !expectation) return expectation.error();
  take_upgrade(reader, head);
  const bool has_body = head.is_chunked || head.content_length.value_or(0) > 0;
  if (head.is_websocket && has_body) return bad_request("an upgrade with a body");
  if (head.method == "CONNECT" && has_body) return bad_request("CONNECT with a body");
  return end;
}

Result<std::size_t> parse_response_head(std::string_view bytes, const HeadLimits& limits,
                                        http::Method request, ScanState& scan,
                                        ParsedResponse& head) {
  const Result<std::size_t> end = find_head_end(bytes, Side::response, limits, scan);
  if (!end || *end == 0) return end;
  const HeadText text(bytes, *end, scan);
  head.content_length.reset();
  head.is_chunked = false;
  if (auto line = parse_status_line(text.start_line, head); !line) return line.error();
  FieldReader reader(head, Side::response);
  if (auto fields = reader.read(text.fields, limits); !fields) return fields.error();
  if (auto framing = reader.decide_framing(); !framing) return framing.error();
  // Something follows all the same, or two might not agree that nothing does.
  const bool is_unclear = head.is_chunked || head.content_length.value_or(0) > 0 ||
                          (head.content_length && head.status < 200);
  if (!http::may_have_length(head.status, request)) {
    if (is_unclear) head.keeps_alive = false;
    reader.forget_body();
  }
  head.has_body = http::may_have_content(head.status, request) &&
                  (head.is_chunked || head.content_length.value_or(1) > 0);
  head.keep_alive_timeout = timeout_of(reader.keep_alive);
  return end;
}

ParsedRequest& scratch_request_head() {
  thread_local ParsedRequest head;
  return head;
}

ParsedResponse& scratch_response_head() {
  thread_local ParsedResponse head;
  return head;
}

}  // namespace http1
