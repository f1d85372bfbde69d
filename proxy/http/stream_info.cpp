#include "proxy/http/stream_info.hpp"

#include <chrono>

namespace http {
namespace {

// RFC 9562 5.7: 48 bits of milliseconds, then chance.
void write_uuid_v7(StreamInfo::MadeId& out, base::Loop& loop) {
  constexpr char digits[] = "0123456789abcdef";
  const auto millis = static_cast<std::uint64_t>(
      std::chrono::floor<std::chrono::milliseconds>(loop.wall(loop.now()))
          .time_since_epoch()
          .count());
  const std::uint64_t high = (millis << 16) | 0x7000 | (loop.random().next() & 0x0fff);
  const std::uint64_t low = (loop.random().next() >> 2) | (1ULL << 63);
  char* at = out.data();
  for (int i = 0; i < 32; ++i) {
    if (i == 8 || i == 12 || i == 16 || i == 20) *at++ = '-';
    const std::uint64_t half = i < 16 ? high : low;
    *at++ = digits[(half >> (60 - 4 * (i % 16))) & 15];
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
