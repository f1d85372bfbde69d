#include "proxy/http/target.hpp"

#include "proxy/base/ascii.hpp"
#include "proxy/base/percent.hpp"
#include "proxy/http/characters.hpp"

#include <arpa/inet.h>
#include <array>

namespace http {
namespace {

constexpr std::size_t longest_host = 255;
constexpr std::size_t most_port_digits = 5;

enum : std::uint8_t { path_byte = 1, host_byte = 2, unreserved = 4 };

constexpr std::array<std::uint8_t, 256> classes = [] {
  std::array<std::uint8_t, 256> table{};
  const auto mark = [&table](std::string_view characters, std::uint8_t what) {
    for (const char c : characters) table[static_cast<unsigned char>(c)] |= what;
  };
  for (unsigned c = 0; c < 256; ++c) {
    const char character = static_cast<char>(static_cast<unsigned char>(c));
    const bool is_alphanumeric = base::is_digit(character) || base::is_alpha(character);
    if (c < 128 && is_alphanumeric) table[c] |= host_byte | unreserved;
    if (is_path_character(character)) table[c] |= path_byte;
  }
  mark("-._~", host_byte | unreserved);
  mark("!$&'()*+;=", host_byte);
  return table;
}();

bool all_are(std::string_view text, std::uint8_t what) {
  for (const char c : text)
    if (!(classes[static_cast<unsigned char>(c)] & what)) return false;
  return true;
}

bool is(char c, std::uint8_t what) {
  return classes[static_cast<unsigned char>(c)] & what;
}

bool valid_ipv6(std::string_view text) {
  if (text.size() >= INET6_ADDRSTRLEN || text.find('\0') != text.npos) return false;
  char copy[INET6_ADDRSTRLEN] = {};
  text.copy(copy, text.size());
  in6_addr address{};
  return inet_pton(AF_INET6, copy, &address) == 1;
}

// Without escapes, which some would decode and others not, and without empty labels.
bool valid_name(std::string_view host) {
  if (host.empty() || host.size() > longest_host || host.front() == '.') return false;
  return all_are(host, host_byte) && host.find("..") == host.npos;
}

// Nothing if an escape is not one: decoding what stands before it could complete it.
std::optional<std::string> decode_unreserved(std::string_view path) {
  std::string decoded;
  decoded.reserve(path.size());
  for (std::size_t i = 0; i < path.size(); ++i) {
    const int byte = base::escaped_byte(path, i);
    if (byte < 0 && path[i] == '%') return std::nullopt;
    if (byte >= 0 && is(static_cast<char>(byte), unreserved)) {
      decoded += static_cast<char>(byte);
      i += 2;
    } else {
      decoded += path[i];
    }
  }
  return decoded;
}

// Removes the last segment and the slash before it; false above the root.
bool pop_segment(std::string& path) {
  if (path.empty()) return false;
  path.resize(path.rfind('/'));
  return true;
}

}  // namespace

bool valid_field_value(std::string_view text) {
  return find_control(text, 0) == text.size();
}

Authority split_authority(std::string_view authority) {
  const bool is_bracketed = authority.starts_with('[');
  const std::size_t colon = authority.find(':', is_bracketed ? authority.find(']') : 0);
  if (colon == authority.npos) return {authority, std::nullopt};
  return {authority.substr(0, colon),
          base::parse_decimal<std::uint16_t>(authority.substr(colon + 1))};
}

bool valid_authority(std::string_view authority) {
  if (authority.empty() || authority.size() > longest_host + 1 + most_port_digits) return false;
  const Authority parts = split_authority(authority);
  const std::string_view host = parts.host;
  if (host.size() != authority.size() &&
      (!parts.port || authority.size() - host.size() > 1 + most_port_digits))
    return false;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    return valid_ipv6(host.substr(1, host.size() - 2));
  return valid_name(host);
}

bool valid_path(std::string_view path) {
  if (!path.starts_with('/')) return false;
  std::size_t at = 0;
  while (at + detail::step <= path.size() && !detail::odd_in_path(path.data() + at))
    at += detail::step;
  const std::string_view rest = path.substr(at);
  if (!all_are(rest, path_byte)) return false;
  return rest.find('%') == rest.npos || path.substr(0, path.find('?')).find("%00") == path.npos;
}

bool has_encoded_slash(std::string_view path) {
  path = path.substr(0, path.find('?'));
  for (std::size_t at = path.find("%2"); at != path.npos; at = path.find("%2", at + 1))
    if (base::escaped_byte(path, at) == '/') return true;
  return false;
}

std::optional<std::string> normalize_path(std::string_view path) {
  const std::size_t question = path.find('?');
  const std::optional<std::string> decoded = decode_unreserved(path.substr(0, question));
  if (!decoded) return std::nullopt;
  std::string_view rest = *decoded;
  std::string normal;
  while (!rest.empty()) {
    const std::size_t slash = rest.find('/', 1);
    const std::string_view segment = rest.substr(1, slash == rest.npos ? rest.npos : slash - 1);
    rest.remove_prefix(slash == rest.npos ? rest.size() : slash);
    const bool is_dots = segment == "." || segment == "..";
    if (segment == ".." && !pop_segment(normal)) return std::nullopt;
    if (!is_dots)
      normal.append("/").append(segment);
    else if (rest.empty())
      normal += '/';
  }
  if (normal.empty()) normal = "/";
  if (question != path.npos) normal += path.substr(question);
  return normal;
}

}  // namespace http
