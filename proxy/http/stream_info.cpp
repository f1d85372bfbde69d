#include "proxy/http/stream_info.hpp"

#include <chrono>

namespace http {
namespace {

// RFC 9562 5.7: 48 bits of milliseconds, then chance.
std::string uuid_v7(base::Random& random) {
  constexpr char digits[] = "0123456789abcdef";
  const auto millis = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(
          std::chrono::system_clock::now().time_since_epoch())
          .count());
  const std::uint64_t high = (millis << 16) | 0x7000 | (random.next() & 0x0fff);
  const std::uint64_t low = (random.next() >> 2) | (1ULL << 63);
  std::string text;
  for (int i = 0; i < 32; ++i) {
    if (i == 8 || i == 12 || i == 16 || i == 20) text += '-';
    const std::uint64_t half = i < 16 ? high : low;
    text += digits[(half >> (60 - 4 * (i % 16))) & 15];
  }
  return text;
}

}  // namespace

const std::string& StreamInfo::request_id() {
  if (kept_request_id.empty()) kept_request_id = uuid_v7(loop.random());
  return kept_request_id;
}

}  // namespace http
