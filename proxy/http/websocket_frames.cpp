#include "proxy/http/websocket_frames.hpp"

#include <algorithm>

namespace http {
namespace {

constexpr std::uint8_t close_opcode = 8;
constexpr std::uint64_t longest_control = 125;

// 0 to 2 carry data, 8 to 10 control.
bool is_reserved(std::uint8_t opcode) {
  return (opcode & 7) > 2;
}

}  // namespace

void WebsocketFrames::pass(std::string_view bytes) {
  while (!bytes.empty() && is_understood_) {
    if (payload_left_ > 0) {
      const auto count =
          static_cast<std::size_t>(std::min<std::uint64_t>(payload_left_, bytes.size()));
      payload_left_ -= count;
      bytes.remove_prefix(count);
      continue;
    }
    header_[header_size_++] = static_cast<std::uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    if (header_size_ == header_length()) take_header();
  }
}

std::size_t WebsocketFrames::header_length() const {
  if (header_size_ < 2) return 2;
  const std::uint8_t length = header_[1] & 0x7f;
  return length == 126 ? 4 : length == 127 ? 10 : 2;
}

std::uint64_t WebsocketFrames::payload_length() const {
  if (header_size_ == 2) return header_[1] & 0x7f;
  std::uint64_t length = 0;
  for (std::size_t i = 2; i < header_size_; ++i) length = length << 8 | header_[i];
  return length;
}

void WebsocketFrames::take_header() {
  const std::uint8_t opcode = header_[0] & 0x0f;
  const bool is_masked = header_[1] & 0x80;
  payload_left_ = payload_length();
  const bool is_too_long =
      payload_left_ >> 63 || (opcode >= close_opcode && payload_left_ > longest_control);
  is_understood_ = !is_masked && !is_reserved(opcode) && !is_too_long;
  has_closed_ = has_closed_ || opcode == close_opcode;
  header_size_ = 0;
}

}  // namespace http
