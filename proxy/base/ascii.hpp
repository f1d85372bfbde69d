// Text as protocols see it: ASCII, never the locale's.
#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <string_view>

namespace base {

constexpr char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }
constexpr int hex_value(char c) {  // -1 = not a hexadecimal digit
  if (is_digit(c)) return c - '0';
  const char lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

constexpr bool same_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i] != b[i] && to_lower(a[i]) != to_lower(b[i])) return false;
  return true;
}

inline std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = to_lower(c);
  return lower;
}

// Without spaces and tabs around it (RFC 9110, OWS).
constexpr std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Decimal digits only, all of the text, within the type's range.
template <std::unsigned_integral T>
std::optional<T> parse_decimal(std::string_view text) {
  T value = 0;
  if (text.empty()) return std::nullopt;
  for (const char c : text) {
    const T digit = static_cast<T>(c - '0');
    if (!is_digit(c) || __builtin_mul_overflow(value, T{10}, &value) ||
        __builtin_add_overflow(value, digit, &value))
      return std::nullopt;
  }
  return value;
}

// Calls `visit(element)` for each element of a comma-separated list (RFC 9110, 5.6.1), trimmed,
// empty ones left out; stops when it returns false.
template <typename Visit>
void for_each_element(std::string_view list, Visit visit) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    const std::string_view element = trim(list.substr(0, comma));
    list.remove_prefix(comma == list.npos ? list.size() : comma + 1);
    if (!element.empty() && !visit(element)) return;
  }
}

}  // namespace base
