#include "proxy/http1/fields.hpp"

#include <cstring>

#include "proxy/base/ascii.hpp"
#include "proxy/http/target.hpp"

namespace http1 {
namespace {

using base::Error;
using base::Fault;
using base::Reason;
using base::Result;
using http::Name;

constexpr std::size_t most_leading_lines = 4;
constexpr std::size_t longest_name = 256;
constexpr std::size_t longest_field = 16 * 1024;
constexpr std::size_t longest_framing_name = 32;

// Lower-cases into `room`, for looking a name up.
Name name_of(std::string_view text) {
  char room[longest_framing_name];
  if (text.size() > sizeof room) return Name::other;
  for (std::size_t i = 0; i < text.size(); ++i) room[i] = base::to_lower(text[i]);
  return http::known_name({room, text.size()});
}

}  // namespace

Error refused(Side side, std::string_view why, Reason of_request) {
  if (side == Side::request) return {of_request, Fault::downstream, why};
  return {Reason::upstream_protocol_error, Fault::upstream, why};
}

Result<std::size_t> find_head_end(std::string_view bytes, Side side, ScanState& scan) {
  const char* data = bytes.data();
  while (scan.searched < bytes.size()) {
    const void* found = std::memchr(data + scan.searched, '\n', bytes.size() - scan.searched);
    if (!found) break;
    const auto at = static_cast<std::size_t>(static_cast<const char*>(found) - data);
    if (at == scan.line_start || data[at - 1] != '\r')
      return refused(side, "a line does not end in CRLF", Reason::bad_request);
    const bool is_empty = at == scan.line_start + 1;
    const bool is_leading = scan.line_start == scan.head_start;
    scan.searched = scan.line_start = at + 1;
    if (!is_empty) continue;
    if (!is_leading) return at + 1;
    scan.head_start = at + 1;
    if (side == Side::response || scan.head_start > 2 * most_leading_lines)
      return refused(side, "empty lines before the start line", Reason::bad_request);
  }
  scan.searched = bytes.size();
  return std::size_t{0};
}

Result<FieldView> parse_field_line(std::string_view line, Side side) {
  std::size_t colon = 0;
  while (colon < line.size() && http::is_token_character(line[colon])) ++colon;
  if (colon == 0 || colon == line.size() || line[colon] != ':')
    return refused(side, "a header line is not `name: value`", Reason::bad_request);
  const FieldView field{line.substr(0, colon), base::trim(line.substr(colon + 1))};
  if (field.name.size() > longest_name || line.size() > longest_field)
    return refused(side, "a header field is too long", Reason::headers_too_large);
  if (!http::valid_field_value(field.value))
    return refused(side, "a header value has a control character", Reason::bad_request);
  return field;
}

Result<void> FieldReader::read(std::string_view lines, const HeadLimits& limits) {
  head_.fields_.clear();
  head_.field_bytes_ = lines.size();
  if (lines.size() > limits.header_bytes)
    return refused(side_, "the header section is too large", Reason::headers_too_large);
  std::size_t count = 0;
  while (!lines.empty()) {
    const std::size_t end = lines.find('\n');  // behind a CR: see find_head_end
    Result<FieldView> field = parse_field_line(lines.substr(0, end - 1), side_);
    if (!field) return field.error();
    lines.remove_prefix(end + 1);
    if (++count > limits.header_count)
      return refused(side_, "too many header fields", Reason::headers_too_large);
    if (Result<void> noted = note(name_of(field->name), *field); !noted) return noted;
  }
  return {};
}

Result<void> FieldReader::note(Name name, const FieldView& field) {
  switch (name) {
    case Name::host:
      if (host) return refused(side_, "more than one host field", Reason::bad_request);
      host = field.value;
      if (side_ == Side::request) return {};
      break;
    case Name::content_length:
      if (Result<void> noted = note_length(field.value); !noted) return noted;
      break;
    case Name::transfer_encoding:
      if (has_coding_)
        return refused(side_, "more than one transfer-encoding field", Reason::bad_request);
      has_coding_ = true;
      coding_ = field.value;
      return {};
    case Name::connection:
      note_connection(field.value);
      break;
    case Name::upgrade:
      upgrade = field.value;
      break;
    case Name::expect:
      if (!expect.empty()) return refused(side_, "more than one expect field", Reason::bad_request);
      expect = field.value;
      if (side_ == Side::request) return {};
      break;
    case Name::keep_alive:
      keep_alive = field.value;
      break;
    case Name::sec_websocket_key:
      websocket_key = field.value;
      break;
    default:
      break;
  }
  head_.fields_.push_back(field);
  return {};
}

Result<void> FieldReader::note_length(std::string_view value) {
  if (head_.content_length)
    return refused(side_, "more than one content-length", Reason::bad_request);
  const auto length = base::parse_decimal<std::uint64_t>(value);
  if (!length || *length > INT64_MAX)
    return refused(side_, "content-length is not a number", Reason::bad_request);
  head_.content_length = length;
  return {};
}

void FieldReader::note_connection(std::string_view options) {
  base::for_each_element(options, [this](std::string_view option) {
    if (base::same_ignoring_case(option, "close")) says_close_ = true;
    if (base::same_ignoring_case(option, "keep-alive")) says_keep_alive_ = true;
    if (base::same_ignoring_case(option, "upgrade")) has_upgrade_option = true;
    return true;
  });
}

Result<void> FieldReader::decide_framing() {
  head_.keeps_alive = !says_close_ && (head_.minor_version == 1 || says_keep_alive_);
  if (!has_coding_) return {};
  if (head_.content_length)
    return refused(side_, "both content-length and transfer-encoding", Reason::bad_request);
  if (head_.minor_version == 0)
    return refused(side_, "transfer-encoding in HTTP/1.0", Reason::bad_request);
  if (!base::same_ignoring_case(coding_, "chunked")) {
    const bool is_other_coding = http::is_token(coding_);
    return refused(side_, "a transfer-encoding other than chunked",
                   is_other_coding ? Reason::not_implemented : Reason::bad_request);
  }
  head_.is_chunked = true;
  return {};
}

}  // namespace http1
