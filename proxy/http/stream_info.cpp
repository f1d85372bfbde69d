#include "proxy/http/stream_info.hpp"

#include <chrono>
#include <cstring>

namespace http {
namespace {

// Each byte as two hexadecimal digits.
constexpr auto hex_pairs = [] {
  constexpr char digits[] = "0123456789abcdef";
  std::array<std::array<char, 2>, 256> pairs{};
  for (std::size_t byte = 0; byte < pairs.size(); ++byte)
    pairs[byte] = {digits[byte >> 4], digits[byte & 15]};
  return pairs;
}();

// RFC 9562 5.7: 48 bits of milliseconds, then chance.
void write_uuid_v7(StreamInfo::MadeId& out, base::Loop& loop) {
  const auto millis = static_cast<std::uint64_t>(
      std::chrono::floor<std::chrono::milliseconds>(loop.wall(loop.now()))
          .time_since_epoch()
          .count());
  const std::uint64_t high = (millis << 16) | 0x7000 | (loop.random().next() & 0x0fff);
  const std::uint64_t low = (loop.random().next() >> 2) | (1ULL << 63);
  char* at = out.data();
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
    const std::uint64_t half = i < 8 ? high : low;
    std::memcpy(at, hex_pairs[half >> (56 - 8 * (i % 8)) & 0xff].data(), 2);
    at += 2;
  }
}

}  // namespace

const std::string& StreamInfo::request_id() {
  if (kept_request_id.empty()) {
    MadeId made;
    write_uuid_v7(made, loop);
    kept_request_id.assign(made.data(), made.size());
  }
  return kept_request_id;
}

std::string_view StreamInfo::last_request_id(MadeId& made) const {
  if (!kept_request_id.empty()) return kept_request_id;
  write_uuid_v7(made, loop);
  return {made.data(), made.size()};
}

}  // namespace http
