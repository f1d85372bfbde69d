// Escapes as URLs have them: '%' and two hexadecimal digits (RFC 3986 2.1). Pure, any thread.
#pragma once

#include "proxy/base/ascii.hpp"

#include <cstddef>
#include <string_view>

namespace base {

// The byte that the escape at `at` stands for; -1 = there is none.
constexpr int escaped_byte(std::string_view text, std::size_t at) {
  if (text[at] != '%' || at + 2 >= text.size()) return -1;
  const int high = hex_value(text[at + 1]);
  const int low = hex_value(text[at + 2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

}  // namespace base
