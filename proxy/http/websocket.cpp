#include "proxy/http/websocket.hpp"

#include "proxy/base/sha1.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

namespace http {
namespace {

// RFC 4648 4.
std::string base64(std::span<const std::uint8_t> bytes) {
  constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) group = group << 8 | (i < count ? bytes[at + i] : 0U);
    for (std::size_t i = 0; i < 4; ++i)
      text += i <= count ? digits[group >> (18 - 6 * i) & 63] : '=';
  }
  return text;
}

}  // namespace

std::string make_websocket_key(base::Random& random) {
  std::array<std::uint8_t, 16> nonce{};
  for (std::uint8_t& byte : nonce) byte = static_cast<std::uint8_t>(random.next() >> 56);
  return base64(nonce);
}

std::string websocket_answer(std::string_view key) {
  return base64(base::sha1(std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
}

}  // namespace http
