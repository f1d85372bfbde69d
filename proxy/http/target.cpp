#include "proxy/http/target.hpp"

#include <arpa/inet.h>

#include <array>

#include "proxy/base/ascii.hpp"

namespace http {
namespace {

enum : std::uint8_t { token = 1, value = 2, path_byte = 4, host_byte = 8, unreserved = 16 };

constexpr std::array<std::uint8_t, 256> classes = [] {
  std::array<std::uint8_t, 256> table{};
  const auto mark = [&table](std::string_view characters, std::uint8_t what) {
    for (const char c : characters) table[static_cast<unsigned char>(c)] |= what;
  };
  for (unsigned c = 0; c < 256; ++c) {
    const char character = static_cast<char>(static_cast<unsigned char>(c));
    const bool is_alphanumeric = base::is_digit(character) || base::is_alpha(character);
    if (c < 128 && is_alphanumeric) table[c] |= token | host_byte | unreserved;
    if (c == '\t' || (c >= ' ' && c != 0x7f)) table[c] |= value;
    if (c > ' ' && c < 0x7f) table[c] |= path_byte;
  }
  mark("!#$%&'*+-.^_`|~", token);
  mark("-._~", host_byte | unreserved);
  mark("!$&'()*+;=", host_byte);
  for (const unsigned char c : {'\\', '#'}) table[c] &= static_cast<std::uint8_t>(~path_byte);
  return table;
}();

bool all_are(std::string_view text, std::uint8_t what) {
  for (const char c : text)
    if (!(classes[static_cast<unsigned char>(c)] & what)) return false;
  return true;
}

bool is(char c, std::uint8_t what) { return classes[static_cast<unsigned char>(c)] & what; }

// The byte that the escape at `at` stands for, or -1.
int escaped(std::string_view text, std::size_t at) {
  if (text[at] != '%' || at + 2 >= text.size()) return -1;
  const int high = base::hex_value(text[at + 1]);
  const int low = base::hex_value(text[at + 2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

bool valid_ipv6(std::string_view text) {
  if (text.size() >= INET6_ADDRSTRLEN) return false;
  char copy[INET6_ADDRSTRLEN] = {};
  text.copy(copy, text.size());
  in6_addr address{};
  return inet_pton(AF_INET6, copy, &address) == 1;
}

std::string decode_unreserved(std::string_view path) {
  std::string decoded;
  decoded.reserve(path.size());
  for (std::size_t i = 0; i < path.size(); ++i) {
    const int byte = escaped(path, i);
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

bool is_token_character(char c) { return is(c, token); }
bool is_token(std::string_view text) { return !text.empty() && all_are(text, token); }
bool valid_field_name(std::string_view name) { return is_token(name); }
bool valid_field_value(std::string_view text) { return all_are(text, value); }

Authority split_authority(std::string_view authority) {
  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.find(':', bracket == authority.npos ? 0 : bracket);
  if (colon == authority.npos) return {authority, std::nullopt};
  return {authority.substr(0, colon),
          base::parse_decimal<std::uint16_t>(authority.substr(colon + 1))};
}

bool valid_authority(std::string_view authority) {
  if (authority.empty() || authority.size() > 255 + 6) return false;
  const Authority parts = split_authority(authority);
  const bool has_port = parts.host.size() != authority.size();
  if (has_port && !parts.port) return false;
  const std::string_view host = parts.host;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    return valid_ipv6(host.substr(1, host.size() - 2));
  if (host.empty() || host.size() > 255) return false;
  for (std::size_t i = 0; i < host.size(); ++i) {
    if (is(host[i], host_byte)) continue;
    if (escaped(host, i) < 0x21) return false;
    i += 2;
  }
  return true;
}

std::string canonical_host(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  return base::lower_case(host);
}

bool valid_path(std::string_view path) {
  if (!path.starts_with('/') || !all_are(path, path_byte)) return false;
  return path.find("%00") == path.npos;
}

bool has_encoded_slash(std::string_view path) {
  path = path.substr(0, path.find('?'));
  for (std::size_t at = path.find("%2"); at != path.npos; at = path.find("%2", at + 1))
    if (escaped(path, at) == '/') return true;
  return false;
}

std::optional<std::string> normalize_path(std::string_view path) {
  const std::size_t question = path.find('?');
  const std::string decoded = decode_unreserved(path.substr(0, question));
  std::string_view rest = decoded;
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
