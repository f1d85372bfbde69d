#include "proxy/http/via.hpp"

#include "proxy/base/ascii.hpp"

#include <cstdio>
#include <random>

namespace http {

std::string pseudonym(std::string_view process_digits, std::string_view listener) {
  std::string name(process_digits);
  name += '-';
  // A token (RFC 9110, 5.6.2), whatever a listener may be called.
  for (const char c : listener)
    name += base::is_alpha(c) || base::is_digit(c) || c == '-' || c == '.' ? c : '_';
  return name;
}

std::string random_digits() {
  std::random_device device;
  char text[16];
  std::snprintf(text, sizeof text, "%08x", device());
  return text;
}

bool has_passed(const http::Headers& headers, std::string_view pseudonym) {
  bool is_found = false;
  for (const http::Headers::Field field : headers) {
    if (field.id != http::Name::via) continue;
    base::for_each_element(field.value, [&](std::string_view element) {
      const std::size_t space = element.find(' ');
      if (space == element.npos) return true;
      const std::string_view by = base::trim(element.substr(space));
      is_found = is_found || by.substr(0, by.find(' ')) == pseudonym;
      return !is_found;
    });
  }
  return is_found;
}

}  // namespace http
