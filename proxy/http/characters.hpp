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

#include "proxy/base/field_names.hpp"

namespace http {

// What may not stand in a field's value: all below the space but the tab, and DEL.
constexpr bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < ' ' && byte != '\t') || byte == 0x7f;
}

// What may stand in a target's path: all that is visible, but what some read as an end or a slash.
constexpr bool is_path_character(char c) {
  return c > ' ' && c < 0x7f && c != '\\' && c != '#';
}

// Of 16 bytes at a time: a bit for each of which it is so.
namespace detail {

inline constexpr std::size_t step = 16;

#ifdef __SSE2__

inline __m128i load(const char* at) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
}
inline std::uint32_t bits(__m128i found) {
  return static_cast<std::uint32_t>(_mm_movemask_epi8(found));
}
inline __m128i is(__m128i bytes, char c) {
  return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c));
}
inline __m128i is_at_most(__m128i bytes, char most) {  // unsigned
  return _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(most)), bytes);
}
inline __m128i is_between(__m128i bytes, char least, char most) {
  return is_at_most(_mm_sub_epi8(bytes, _mm_set1_epi8(least)), static_cast<char>(most - least));
}

inline std::uint32_t controls(const char* at) {
  const __m128i bytes = load(at);
  const __m128i is_low = is_at_most(bytes, ' ' - 1);
  return bits(_mm_or_si128(_mm_andnot_si128(is(bytes, '\t'), is_low), is(bytes, 0x7f)));
}

// What most names are made of: letters, digits, `-`. Writes all 16 in lower case, if that they are.
inline std::uint32_t plain(const char* at, char* lower_case) {
  const __m128i bytes = load(at);
  const __m128i lower = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(lower_case), lower);
  const __m128i is_letter = is_between(lower, 'a', 'z');
  return bits(_mm_or_si128(_mm_or_si128(is_letter, is_between(bytes, '0', '9')), is(bytes, '-')));
}

// No path character, or `%`.
inline std::uint32_t odd_in_path(const char* at) {
  const __m128i bytes = load(at);
  const __m128i is_visible = is_between(bytes, '!', '~');
  const __m128i is_special =
      _mm_or_si128(_mm_or_si128(is(bytes, '\\'), is(bytes, '#')), is(bytes, '%'));
  return bits(_mm_andnot_si128(is_special, is_visible)) ^ 0xffff;
}

#else

template <typename Predicate> std::uint32_t bits(const char* at, Predicate is_so) {
  std::uint32_t found = 0;
  for (std::size_t i = 0; i < step; ++i) found |= std::uint32_t{is_so(at[i])} << i;
  return found;
}

inline std::uint32_t controls(const char* at) {
  return bits(at, is_control);
}

inline std::uint32_t plain(const char* at, char* lower_case) {
  for (std::size_t i = 0; i < step; ++i) lower_case[i] = base::to_lower(at[i]);
  return bits(lower_case,
              [](char c) { return (c >= 'a' && c <= 'z') || base::is_digit(c) || c == '-'; });
}

inline std::uint32_t odd_in_path(const char* at) {
  return bits(at, [](char c) { return !is_path_character(c) || c == '%'; });
}

#endif

}  // namespace detail

using LowerCase = std::array<char, 2 * detail::step>;

// How long the token is with which `text` begins. Its lower case, if there is room, in `lower`.
inline std::size_t take_token(std::string_view text, LowerCase& lower) {
  std::size_t size = 0;
  while (size + detail::step <= text.size() && size % detail::step == 0 && size < lower.size()) {
    const std::uint32_t is_plain = detail::plain(text.data() + size, lower.data() + size);
    const auto count = static_cast<std::size_t>(std::countr_one(is_plain));
    size += count;
    if (count == 0) break;
  }
  for (; size < text.size(); ++size) {
    const char c = base::as_token_character(text[size]);
    if (!c) break;
    if (size < lower.size()) lower[size] = c;
  }
  return size;
}

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
