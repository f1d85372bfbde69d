// The characters of HTTP's syntax, looked up in one table or 16 at a step: every byte of every
// head comes through here. Pure, any thread.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "proxy/base/ascii.hpp"

namespace http {

// For each byte: its lower case if it may stand in a token (RFC 9110 5.6.2), else 0.
inline constexpr std::array<char, 256> token_lower_case = [] {
  std::array<char, 256> table{};
  for (unsigned c = 0; c < 128; ++c) {
    const char character = static_cast<char>(c);
    if (base::is_digit(character) || base::is_alpha(character))
      table[c] = base::to_lower(character);
  }
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<unsigned char>(c)] = c;
  return table;
}();

// 0 for what may not stand in a token; so is the character that ends one.
constexpr char as_token_character(char c) {
  return token_lower_case[static_cast<unsigned char>(c)];
}

// What may not stand in a field's value: all below the space but the tab, and DEL.
constexpr bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < ' ' && byte != '\t') || byte == 0x7f;
}

namespace detail {

inline constexpr std::size_t step = 16;

#ifdef __SSE2__
// A bit for each of 16 bytes that is a control.
inline std::uint32_t controls(const char* at) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  const __m128i low = _mm_set1_epi8(' ' - 1);
  const __m128i is_low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, low), bytes);
  const __m128i is_tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
  const __m128i is_del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
  const __m128i found = _mm_or_si128(_mm_andnot_si128(is_tab, is_low), is_del);
  return static_cast<std::uint32_t>(_mm_movemask_epi8(found));
}
#else
inline std::uint32_t controls(const char* at) {
  std::uint32_t found = 0;
  for (std::size_t i = 0; i < step; ++i) found |= std::uint32_t{is_control(at[i])} << i;
  return found;
}
#endif

}  // namespace detail

// The first control in text[from, end), or text.size().
inline std::size_t find_control(std::string_view text, std::size_t from) {
  const char* data = text.data();
  const std::size_t size = text.size();
  for (; from + detail::step <= size; from += detail::step)
    if (const std::uint32_t found = detail::controls(data + from))
      return from + static_cast<std::size_t>(std::countr_zero(found));
  if (size >= detail::step && from < size) {  // the last 16 bytes, some of which were seen
    const std::size_t again = size - detail::step;
    const std::uint32_t found = detail::controls(data + again) >> (from - again);
    return found ? from + static_cast<std::size_t>(std::countr_zero(found)) : size;
  }
  while (from < size && !is_control(data[from])) ++from;
  return from;
}

}  // namespace http
