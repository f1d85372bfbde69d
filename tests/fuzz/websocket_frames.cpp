// Frames of a WebSocket: the same verdict however the bytes are cut, and a plain walk over the
// whole agrees.
#include "proxy/http/websocket_frames.hpp"

#include "tests/fuzz/pieces.hpp"

namespace {

std::uint64_t number_at(std::string_view bytes, std::size_t at, std::size_t count) {
  std::uint64_t number = 0;
  for (std::size_t i = at; i < at + count; ++i)
    number = number << 8 | static_cast<std::uint8_t>(bytes[i]);
  return number;
}

std::string verdict_of(bool may_add_frame) {
  return may_add_frame ? "may add" : "may not";
}

// RFC 6455 5.2, frame by frame.
bool walk(std::string_view bytes) {
  while (!bytes.empty()) {
    if (bytes.size() < 2) return false;
    const std::uint64_t opcode = number_at(bytes, 0, 1) & 15;
    const std::uint64_t second = number_at(bytes, 1, 1);
    std::uint64_t size = second & 127;
    const std::size_t more = size == 126 ? 2 : size == 127 ? 8 : 0;
    if (bytes.size() < 2 + more) return false;
    if (more > 0) size = number_at(bytes, 2, more);
    const bool is_control = opcode >= 8;
    if (second > 127 || (opcode > 2 && opcode < 8) || opcode > 10) return false;
    if (opcode == 8 || size >> 63 || (is_control && size > 125)) return false;
    bytes.remove_prefix(2 + more);
    if (bytes.size() < size) return false;
    bytes.remove_prefix(static_cast<std::size_t>(size));
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzz::text_of(data, size);
  http::WebsocketFrames whole;
  whole.pass(bytes);
  http::WebsocketFrames cut;
  for (const std::string_view piece : fuzz::pieces_of(bytes)) cut.pass(piece);
  fuzz::require_same(verdict_of(whole.may_add_frame()), verdict_of(cut.may_add_frame()),
                     "whole and in pieces");
  fuzz::require_same(verdict_of(whole.may_add_frame()), verdict_of(walk(bytes)),
                     "ours and a plain walk");
  return 0;
}
