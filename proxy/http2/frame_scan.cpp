#include "proxy/http2/frame_scan.hpp"

#include <algorithm>
#include <cstring>

namespace http2 {
namespace {

enum Type : unsigned char {
  data = 0,
  headers = 1,
  priority = 2,
  rst_stream = 3,
  window_update = 8
};
constexpr unsigned char end_stream = 0x1, padded = 0x8;
constexpr std::size_t type_at = 3, flags_at = 4, stream_at = 5;
constexpr std::size_t priority_size = 5, window_update_size = 4;
constexpr std::size_t number_size = 4;  // a stream, or an increment

std::uint32_t number_in(const unsigned char* at) {
  const auto byte = [at](int n) { return static_cast<std::uint32_t>(at[n]); };
  return (byte(0) & 0x7f) << 24 | byte(1) << 16 | byte(2) << 8 | byte(3);
}

}  // namespace

bool FrameScan::is_message() const {
  return begun_[type_at] == data || begun_[type_at] == headers;
}

std::size_t FrameScan::payload() const {
  return static_cast<std::size_t>(begun_[0] << 16 | begun_[1] << 8 | begun_[2]);
}

std::uint32_t FrameScan::stream() const {
  return number_in(&begun_[stream_at]);
}

// The header, and of its payload what look() reads.
std::size_t FrameScan::wanted() const {
  if (begun_size_ < frame_header) return frame_header;
  if (begun_[type_at] == priority && payload() == priority_size) return frame_header + number_size;
  if (begun_[type_at] == window_update && payload() == window_update_size)
    return frame_header + number_size;
  const bool is_padded = is_message() && begun_[flags_at] & padded;
  return frame_header + (is_padded && payload() > 0 ? 1 : 0);
}

std::optional<Code> FrameScan::look() {
  const bool has_number = begun_size_ == frame_header + number_size;
  const std::uint32_t number = has_number ? number_in(&begun_[frame_header]) : 0;
  switch (begun_[type_at]) {
    case data:
    case headers:
      return look_at_message();
    case priority:
      if (stream() != 0 && (!has_number || number != stream())) break;
      return Code::protocol_error;  // RFC 9113 6.3, RFC 7540 5.3.1
    case window_update:
      if (!has_number || number != 0) break;
      return Code::protocol_error;  // RFC 9113 6.9
    case rst_stream:
      history_.ended_by_client(stream());
      break;
    default:
      break;
  }
  return std::nullopt;
}

std::optional<Code> FrameScan::look_at_message() {
  const bool is_padded = begun_size_ > frame_header;
  if (is_padded && begun_[frame_header] >= payload()) return Code::protocol_error;  // 6.1, 6.2
  if (stream() % 2 == 0) return std::nullopt;  // nghttp2 refuses it
  if (begun_[type_at] == headers && history_.is_new(stream()))
    history_.opened(stream());
  else if (history_.was_ended_by_client(stream()))
    return Code::stream_closed;  // 5.1
  else if (history_.was_left_out(stream()))
    return Code::protocol_error;  // 5.1.1
  if (begun_[flags_at] & end_stream) history_.ended_by_client(stream());
  return std::nullopt;
}

std::size_t FrameScan::pass(std::string_view input) {
  std::size_t at = 0;
  while (at < input.size()) {
    if (skipped_ > 0) {
      const std::size_t count = std::min(skipped_, input.size() - at);
      skipped_ -= count;
      at += count;
      continue;
    }
    const std::size_t count = std::min(wanted() - begun_size_, input.size() - at);
    std::memcpy(&begun_[begun_size_], input.data() + at, count);
    begun_size_ += count;
    if (begun_size_ == wanted()) {
      if (const std::optional<Code> found = look()) {
        breach_ = *found;
        return at;
      }
      skipped_ = payload() - (begun_size_ - frame_header);
      begun_size_ = 0;
    }
    at += count;
  }
  return at;
}

}  // namespace http2
