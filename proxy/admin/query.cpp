#include "proxy/admin/query.hpp"

#include "proxy/base/percent.hpp"

#include <algorithm>

namespace admin {
namespace {

std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int byte = base::escaped_byte(text, i);
    if (byte >= 0) i += 2;
    out += byte >= 0 ? static_cast<char>(byte) : text[i] == '+' ? ' ' : text[i];
  }
  return out;
}

}  // namespace

std::optional<std::string> query_value(std::string_view path, std::string_view name) {
  const std::size_t mark = path.find('?');
  std::string_view rest = mark == path.npos ? std::string_view() : path.substr(mark + 1);
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    if (decoded(pair.substr(0, equals)) != name) continue;
    return decoded(pair.substr(std::min(equals + 1, pair.size())));
  }
  return std::nullopt;
}

std::optional<std::string> unescaped(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      bytes += text[i];
      continue;
    }
    const int byte = base::escaped_byte(text, i);
    if (byte < 0) return std::nullopt;
    bytes += static_cast<char>(byte);
    i += 2;
  }
  return bytes;
}

}  // namespace admin
