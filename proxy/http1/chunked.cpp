#include "proxy/http1/chunked.hpp"

#include <algorithm>

#include "proxy/base/ascii.hpp"
#include "proxy/http/target.hpp"
#include "proxy/http1/fields.hpp"

namespace http1 {
namespace {

using base::Bytes;
using base::Error;
using base::Reason;
using base::Result;
using http::Name;

constexpr std::size_t most_digits = 16;
constexpr std::size_t most_overhead = 16 * 1024;
constexpr std::size_t most_trailers = 32;
constexpr std::uint64_t largest_chunk = INT64_MAX;

}  // namespace

bool may_be_trailer(std::string_view name) {
  switch (http::known_name(name)) {
    case Name::authorization:
    case Name::connection:
    case Name::content_length:
    case Name::content_type:
    case Name::cookie:
    case Name::expect:
    case Name::forwarded:
    case Name::host:
    case Name::keep_alive:
    case Name::proxy_authenticate:
    case Name::proxy_authorization:
    case Name::proxy_connection:
    case Name::range:
    case Name::set_cookie:
    case Name::te:
    case Name::trailer:
    case Name::transfer_encoding:
    case Name::upgrade:
    case Name::via:
    case Name::x_real_ip:
    case Name::x_request_id:
      return false;
    default:
      return !name.starts_with("x-forwarded-") && name.find('_') == name.npos &&
             name != "content-encoding" && name != "content-range";
  }
}

Error ChunkedDecoder::bad(std::string_view why) const {
  return {Reason::bad_request, base::Fault::downstream, why};
}

Result<Bytes> ChunkedDecoder::next(Bytes& input) {
  while (!input.empty() && state_ != State::ended) {
    if (state_ == State::data) {
      const auto count =
          static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()));
      left_ -= count;
      if (left_ == 0) state_ = State::data_cr;
      return input.take_prefix(count);
    }
    const char c = input.data()[0];
    input.remove_prefix(1);
    if (Result<void> taken = take(c); !taken) return taken.error();
  }
  return Bytes();
}

Result<void> ChunkedDecoder::take(char c) {
  switch (state_) {
    case State::size_first:
    case State::size:
      return take_size(c);
    case State::extension:
    case State::quoted:
    case State::escaped:
      return take_extension(c);
    case State::size_lf:
      if (c != '\n') return bad("a chunk's size line does not end in CRLF");
      return end_size_line();
    case State::data_cr:
      if (c != '\r') return bad("a chunk's data is not followed by CRLF");
      state_ = State::data_lf;
      return {};
    case State::data_lf:
      if (c != '\n') return bad("a chunk's data is not followed by CRLF");
      state_ = State::size_first;
      return {};
    default:
      return take_trailer(c);
  }
}

Result<void> ChunkedDecoder::take_size(char c) {
  const int digit = base::hex_value(c);
  if (digit >= 0) {
    if (state_ == State::size_first) left_ = digits_ = 0;
    left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
    state_ = State::size;
    if (++digits_ > most_digits || left_ > largest_chunk) return bad("a chunk's size is too large");
    return {};
  }
  if (state_ == State::size_first) return bad("a chunk's size is not a number");
  if (c == '\r')
    state_ = State::size_lf;
  else if (c == ';')
    state_ = State::extension;
  else
    return bad("a chunk's size is not a number");
  return {};
}

// Not understood, but its end must be beyond doubt: CR only outside quotes, and then LF.
Result<void> ChunkedDecoder::take_extension(char c) {
  if (++overhead_ > most_overhead) return bad("too many chunk extensions");
  if (c == '\r' && state_ == State::extension) {
    state_ = State::size_lf;
    return {};
  }
  if (!http::valid_field_value({&c, 1})) return bad("a chunk extension has a control character");
  if (state_ == State::escaped)
    state_ = State::quoted;
  else if (state_ == State::quoted && c == '\\')
    state_ = State::escaped;
  else if (c == '"')
    state_ = state_ == State::quoted ? State::extension : State::quoted;
  return {};
}

Result<void> ChunkedDecoder::end_size_line() {
  state_ = left_ > 0 ? State::data : State::trailer;
  return {};
}

Result<void> ChunkedDecoder::take_trailer(char c) {
  if (++trailer_bytes_ > trailer_limit_)
    return Error{Reason::headers_too_large, base::Fault::downstream,
                 "the trailer section is too large"};
  if (c != '\n') {
    line_ += c;
    return {};
  }
  if (!line_.ends_with('\r')) return bad("a trailer line does not end in CRLF");
  line_.pop_back();
  return end_trailer_line();
}

Result<void> ChunkedDecoder::end_trailer_line() {
  if (line_.empty()) {
    state_ = State::ended;
    return {};
  }
  const Result<FieldView> field = parse_field_line(line_, Side::request);
  if (!field) return field.error();
  if (++trailer_count_ > most_trailers)
    return Error{Reason::headers_too_large, base::Fault::downstream, "too many trailer fields"};
  if (may_be_trailer(base::lower_case(field->name))) trailers_.add(field->name, field->value);
  line_.clear();
  return {};
}

}  // namespace http1
