#include "proxy/http1/chunked.hpp"

#include "proxy/base/ascii.hpp"
#include "proxy/base/field_names.hpp"
#include "proxy/http/characters.hpp"
#include "proxy/http/trailers.hpp"

#include <algorithm>

namespace http1 {
namespace {

using base::Bytes;
using base::Error;
using base::Reason;
using base::Result;

constexpr std::size_t most_digits = 16;
constexpr std::uint64_t most_overhead = 16 * 1024;               // beyond what came of data
constexpr std::uint64_t largest_chunk = std::uint64_t{1} << 40;  // 1 TiB: nobody means more

}  // namespace

Error ChunkedDecoder::bad(std::string_view why) const {
  return refused(side_, why, Reason::bad_request);
}

Result<Bytes> ChunkedDecoder::next(Bytes& input) {
  while (!input.empty() && state_ != State::ended) {
    if (state_ == State::data) {
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()));
      left_ -= count;
      overhead_ -= std::min<std::uint64_t>(overhead_, count);
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
    case State::size_lf:
      if (c != '\n') return bad("a chunk's size line does not end in CRLF");
      state_ = end_of_size_line();
      return {};
    case State::data_cr:
      if (c != '\r') return bad("a chunk's data is not followed by CRLF");
      state_ = State::data_lf;
      return {};
    case State::data_lf:
      if (c != '\n') return bad("a chunk's data is not followed by CRLF");
      state_ = State::size_first;
      return {};
    case State::trailer:
      return take_trailer(c);
    default:
      return take_extension(c);
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
    state_ = State::name_first;
  else
    return bad("a chunk's size is not a number");
  return {};
}

// Not understood, but its end must be beyond doubt: read by its grammar, as strictly as all else.
Result<void> ChunkedDecoder::take_extension(char c) {
  if (++overhead_ > most_overhead) return bad("too many chunk extensions");
  const bool is_quoted = state_ == State::quoted || state_ == State::escaped;
  const std::optional<State> next = is_quoted ? within_quotes(c) : behind_extension(c);
  if (!next) return bad("a chunk extension is not `name=value`");
  state_ = *next;
  return {};
}

// Both: nothing means that `c` may not come here.
std::optional<ChunkedDecoder::State> ChunkedDecoder::within_quotes(char c) const {
  if (http::is_control(c)) return std::nullopt;
  if (state_ == State::escaped) return State::quoted;
  if (c == '\\') return State::escaped;
  return c == '"' ? State::quotes_end : State::quoted;
}

std::optional<ChunkedDecoder::State> ChunkedDecoder::behind_extension(char c) const {
  const bool is_blank = c == ' ' || c == '\t';
  if (state_ == State::name_first || state_ == State::value_first) {
    if (is_blank) return state_;
    if (state_ == State::value_first && c == '"') return State::quoted;
    if (!base::as_token_character(c)) return std::nullopt;
    return state_ == State::name_first ? State::name : State::value;
  }
  const bool is_name = state_ == State::name || state_ == State::name_end;
  const bool goes_on = state_ == State::name || state_ == State::value;
  if (goes_on && base::as_token_character(c)) return state_;
  if (is_blank) return is_name ? State::name_end : State::value_end;
  if (c == '=' && is_name) return State::value_first;
  if (c == ';') return State::name_first;
  const bool may_end = state_ != State::name_end && state_ != State::value_end;
  if (c != '\r' || !may_end) return std::nullopt;
  return State::size_lf;
}

Result<void> ChunkedDecoder::take_trailer(char c) {
  if (++trailer_bytes_ > limits_.bytes)
    return refused(side_, "the trailer section is over limits.trailer_bytes",
                   Reason::headers_too_large);
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
  const Result<FieldView> field = parse_field_line(line_, side_);
  if (!field) return field.error();
  if (++trailer_count_ > limits_.count) return too_many_fields(side_);
  if (http::may_be_trailer(base::lower_case(field->name))) trailers_.add(field->name, field->value);
  line_.clear();
  return {};
}

}  // namespace http1
