// Hexadecimal digits, lower case: a byte at a time, since ids are written for each request. Header only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace base {

inline constexpr auto hex_pairs = [] {
  constexpr char digits[] = "0123456789abcdef";
  std::array<std::array<char, 2>, 256> pairs{};
  for (std::size_t byte = 0; byte < pairs.size(); ++byte)
    pairs[byte] = {digits[byte >> 4], digits[byte & 15]};
  return pairs;
}();

// The last `bytes` of a number. Returns where they end. Not by memcpy, which a fortified build checks
// each time.
inline char* write_hex(char* at, std::uint64_t number, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    const auto& pair = hex_pairs[number >> shift & 0xff];
    *at++ = pair[0];
    *at++ = pair[1];
  }
  return at;
}

}  // namespace base
