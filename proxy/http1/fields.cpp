#include "proxy/http1/fields.hpp"

#include "proxy/base/ascii.hpp"
#include "proxy/base/field_names.hpp"
#include "proxy/http/characters.hpp"

#include <algorithm>

namespace http1 {
namespace {

using base::Error;
using base::Fault;
using base::Reason;
using base::Result;
using http::Name;

constexpr std::size_t most_leading_bytes = 8;  // four empty lines before a request
// A method, two spaces and a version.
constexpr std::size_t around_target = longest_method + std::string_view("  HTTP/1.1").size();

Error too_large(Side side) {
  return refused(side,
                 side == Side::request ? "the header section is over limits.header_bytes"
                                       : "the header section is over limits.response_header_bytes",
                 Reason::headers_too_large);
}

// `at`: where the line that began last ends, or the bytes do. A field has no bound of its own, nor
// has a status line: what users may set bounds them all.
bool is_over_bounds(std::size_t at, Side side, const HeadLimits& limits, const ScanState& scan) {
  if (scan.fields_start > 0) return at - scan.fields_start > limits.header_bytes;
  return at - scan.line_start >
         (side == Side::request ? limits.target_bytes + around_target : limits.header_bytes);
}

Error over_bounds(Side side, const ScanState& scan) {
  if (scan.fields_start > 0 || side == Side::response) return too_large(side);
  return refused(side, "the request line is over limits.target_bytes", Reason::target_too_long);
}

// "name: value" up to a control character, which in a head is the CR: where that stands.
std::optional<std::size_t> split_field(std::string_view lines, FieldView& field) {
  http::LowerCase lower;
  const std::size_t size = http::take_token(lines, lower);
  if (size == 0 || size == lines.size() || lines[size] != ':') return std::nullopt;
  const std::size_t end = http::find_control(lines, size + 1);
  field.name = lines.substr(0, size);
  field.value = base::trim(lines.substr(size + 1, end - size - 1));
  field.id = size <= lower.size() ? http::known_name({lower.data(), size}) : Name::other;
  return end;
}

// "gzip, chunked": codings that we do not know, rather than something that is none.
bool is_list_of_codings(std::string_view codings) {
  for (;;) {
    const std::size_t comma = codings.find(',');
    const std::string_view coding = base::trim(codings.substr(0, comma));
    if (!base::is_token(coding)) return false;
    if (comma == codings.npos) return true;
    if (base::same_ignoring_case(coding, "chunked")) return false;
    codings.remove_prefix(comma + 1);
  }
}

}  // namespace

Error refused(Side side, std::string_view why, Reason of_request) {
  if (side == Side::request) return {of_request, Fault::downstream, why};
  return {Reason::upstream_protocol_error, Fault::upstream, why};
}

Error too_many_fields(Side side) {
  return refused(side,
                 side == Side::request ? "more fields than limits.header_count"
                                       : "more fields than limits.response_header_count",
                 Reason::headers_too_large);
}

Result<std::size_t> find_head_end(std::string_view bytes, Side side, const HeadLimits& limits,
                                  ScanState& scan) {
  std::size_t at = scan.searched;
  for (;;) {
    at = http::find_control(bytes, at);
    if (is_over_bounds(at, side, limits, scan)) return over_bounds(side, scan);
    scan.searched = at;
    if (at == bytes.size() || (at + 1 == bytes.size() && bytes[at] == '\r')) return std::size_t{0};
    if (bytes[at] != '\r' || bytes[at + 1] != '\n')
      return refused(side, "a control character, or a line that does not end in CRLF",
                     Reason::bad_request);
    const bool is_empty = at == scan.line_start;
    at += line_end.size();
    scan.line_start = scan.searched = at;
    if (!is_empty) {
      if (scan.fields_start == 0) scan.fields_start = at;
      continue;
    }
    if (scan.fields_start > 0) return at;
    scan.head_start = at;
    if (side == Side::response || at > most_leading_bytes)
      return refused(side, "empty lines before the start line", Reason::bad_request);
  }
}

Result<FieldView> parse_field_line(std::string_view line, Side side) {
  FieldView field;
  const std::optional<std::size_t> size = split_field(line, field);
  if (!size) return refused(side, "a header line is not `name: value`", Reason::bad_request);
  if (*size != line.size())
    return refused(side, "a header field has a control character", Reason::bad_request);
  return field;
}

Result<void> FieldReader::read(std::string_view lines, const HeadLimits& limits) {
  head_.fields_.clear();
  head_.field_bytes_ = lines.size();
  std::size_t count = 0;
  FieldView field;
  while (!lines.empty()) {
    const std::optional<std::size_t> size = split_field(lines, field);
    if (!size) return refused(side_, "a header line is not `name: value`", Reason::bad_request);
    if (++count > limits.header_count) return too_many_fields(side_);
    if (field.id == Name::other)
      head_.fields_.push_back(field);
    else if (Result<void> noted = note(field); !noted)
      return noted;
    lines.remove_prefix(*size + line_end.size());
  }
  return {};
}

Result<void> FieldReader::note(FieldView field) {
  bool is_kept = true;
  switch (field.id) {
    case Name::host:
      if (host) return refused(side_, "more than one host field", Reason::bad_request);
      host = field.value;
      is_kept = side_ == Side::response;
      break;
    case Name::content_length:
      if (Result<void> noted = note_length(field.value); !noted) return noted;
      break;
    case Name::transfer_encoding:
      if (std::exchange(has_coding_, true))
        return refused(side_, "more than one transfer-encoding field", Reason::bad_request);
      coding_ = field.value;
      is_kept = false;
      break;
    case Name::connection:
      if (Result<void> noted = note_connection(field.value); !noted) return noted;
      break;
    case Name::upgrade:
      upgrade = std::exchange(has_upgrade_, true) ? std::string_view() : field.value;
      break;
    case Name::expect:
      if (std::exchange(has_expect_, true))
        return refused(side_, "more than one expect field", Reason::bad_request);
      expect = field.value;
      break;
    case Name::keep_alive:
      keep_alive = field.value;
      break;
    case Name::sec_websocket_key:  // answered is the one that is read
      if (std::exchange(has_websocket_key_, true) && side_ == Side::request)
        return refused(side_, "more than one sec-websocket-key field", Reason::bad_request);
      websocket_key = field.value;
      break;
    default:
      break;
  }
  if (is_kept) head_.fields_.push_back(field);
  return {};
}

Result<void> FieldReader::note_length(std::string_view& value) {
  if (head_.content_length)
    return refused(side_, "more than one content-length", Reason::bad_request);
  const auto length = base::parse_decimal<std::uint64_t>(value);
  if (!length || *length > INT64_MAX)
    return refused(side_, "content-length is not a number", Reason::bad_request);
  head_.content_length = length;
  value.remove_prefix(std::min(value.find_first_not_of('0'), value.size() - 1));
  return {};
}

// An upstream is not refused because of a slip here: it only loses its connection.
Result<void> FieldReader::note_connection(std::string_view options) {
  if (base::same_ignoring_case(options, "keep-alive")) {
    says_keep_alive_ = true;
    return {};
  }
  bool is_list = true;
  base::for_each_element(options, [&](std::string_view option) {
    is_list = is_list && base::is_token(option);
    if (base::same_ignoring_case(option, "close")) says_close_ = true;
    if (base::same_ignoring_case(option, "keep-alive")) says_keep_alive_ = true;
    if (base::same_ignoring_case(option, "upgrade")) has_upgrade_option = true;
    return true;
  });
  if (is_list) return {};
  says_close_ = true;
  if (side_ == Side::response) return {};
  return refused(side_, "connection is not a list of options", Reason::bad_request);
}

Result<void> FieldReader::decide_framing() {
  head_.keeps_alive = !says_close_ && (head_.minor_version == 1 || says_keep_alive_);
  if (!has_coding_) return {};
  if (head_.content_length)
    return refused(side_, "both content-length and transfer-encoding", Reason::bad_request);
  if (head_.minor_version == 0)
    return refused(side_, "transfer-encoding in HTTP/1.0", Reason::bad_request);
  if (!base::same_ignoring_case(coding_, "chunked")) {
    return refused(side_, "a transfer-encoding other than chunked",
                   is_list_of_codings(coding_) ? Reason::not_implemented : Reason::bad_request);
  }
  head_.is_chunked = true;
  return {};
}

void FieldReader::forget_body() {
  head_.is_chunked = false;
  head_.content_length.reset();
  forget(Name::content_length);
}

void FieldReader::forget(Name name) {
  std::erase_if(head_.fields_, [name](const FieldView& field) { return field.id == name; });
}

}  // namespace http1
