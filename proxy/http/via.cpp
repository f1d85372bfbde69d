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

namespace {

template <typename Look> void for_each_proxy(const Headers& headers, Look look) {
  for (const Headers::Field field : headers) {
    if (field.id != Name::via) continue;
    base::for_each_element(field.value, [&look](std::string_view element) {
      const std::size_t space = element.find(' ');
      if (space == element.npos) return true;
      const std::string_view by = base::trim(element.substr(space));
      look(by.substr(0, by.find(' ')));
      return true;
    });
  }
}

}  // namespace

bool has_passed(const Headers& headers, std::string_view pseudonym) {
  bool is_found = false;
  for_each_proxy(headers, [&](std::string_view by) { is_found = is_found || by == pseudonym; });
  return is_found;
}

std::string_view passed_on_by(const Headers& headers, std::string_view before) {
  std::string_view last;
  for_each_proxy(headers, [&](std::string_view by) {
    if (by != before) last = by;
  });
  return last;
}

}  // namespace http
