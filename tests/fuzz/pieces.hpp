// What the fuzz targets of parsers share: inputs cut by a chance that only depends on their bytes,
// and conditions that end the program.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

inline void require(bool is_so, const char* what) {
  if (is_so) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::abort();
}

inline void require_same(const std::string& a, const std::string& b, const char* what) {
  if (a == b) return;
  std::fprintf(stderr, "not the same: %s\n  %s\n  %s\n", what, a.c_str(), b.c_str());
  std::abort();
}

// Short inputs byte by byte, long ones in up to 32 pieces.
inline std::vector<std::string_view> pieces_of(std::string_view text) {
  std::uint32_t seed = static_cast<std::uint32_t>(text.size());
  for (const char c : text) seed = seed * 31 + static_cast<unsigned char>(c);
  std::minstd_rand chance(seed);
  const bool is_short = text.size() < 64 || chance() % 8 == 0;
  const std::size_t longest = is_short && text.size() < 1024 ? 1 : text.size() / 16 + 1;
  std::vector<std::string_view> pieces;
  while (!text.empty()) {
    const std::size_t size = longest == 1 ? 1 : chance() % longest + 1;
    pieces.push_back(text.substr(0, size));
    text.remove_prefix(pieces.back().size());
  }
  return pieces;
}

}  // namespace fuzz
