#include "config/words.hpp"

#include "config/source.hpp"
#include "proxy/base/address.hpp"
#include "proxy/base/ascii.hpp"
#include "proxy/base/field_names.hpp"
#include "proxy/base/percent.hpp"

#include <algorithm>

namespace config {
namespace {

constexpr std::size_t longest_name = 128;
constexpr std::size_t longest_host = 253;
constexpr std::size_t longest_label = 63;

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= longest_label &&
         std::all_of(label.begin(), label.end(), [](char c) {
           return base::is_alpha(c) || base::is_digit(c) || c == '-' || c == '_';
         });
}

}  // namespace

bool is_ip(std::string_view text) {
  return base::Address::parse_ip(text, 0).has_value();
}

bool is_host_name(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.size() > longest_host) return false;
  std::string_view label;
  for (std::size_t dot = 0; dot != text.npos; text.remove_prefix(dot == text.npos ? 0 : dot + 1)) {
    dot = text.find('.');
    label = text.substr(0, dot);
    if (!is_label(label)) return false;
  }
  // A last label of digits: an IP address with a mistake in it.
  return !std::all_of(label.begin(), label.end(), base::is_digit);
}

std::optional<HostPort> split_host_port(std::string_view text) {
  HostPort parts;
  const bool is_bracketed = text.starts_with('[');
  const std::size_t end = is_bracketed ? text.find(']') : text.find(':');
  if (is_bracketed && end == text.npos) return std::nullopt;
  parts.host = is_bracketed ? text.substr(1, end - 1) : text.substr(0, end);
  const bool is_v6 = is_ip(parts.host) && parts.host.find(':') != parts.host.npos;
  if (is_bracketed ? !is_v6 : !is_ip(parts.host) && !is_host_name(parts.host)) return std::nullopt;
  const std::string_view rest = end == text.npos ? "" : text.substr(is_bracketed ? end + 1 : end);
  if (rest.empty()) return parts;
  parts.port = base::parse_decimal<std::uint16_t>(rest.substr(1));
  if (rest[0] != ':' || !parts.port || *parts.port == 0) return std::nullopt;
  return parts;
}

Problem address_problem(std::string_view text) {
  const auto address = base::Address::parse(text);
  if (address && (!address->is_unix() || address->path().starts_with('/'))) return {};
  const std::string shown = '"' + std::string(text) + "\" ";
  if (text.starts_with("unix:"))
    return {shown + "is not a socket's path: write unix:/PATH, at most 107 bytes"};
  if (text.find("://") != text.npos)
    return {shown + "is a URL: an address has no scheme, as in 127.0.0.1:15001"};
  const std::size_t colon = text.rfind(':');
  const std::string host(text.substr(0, colon == text.npos ? text.size() : colon));
  const std::string port(colon == text.npos ? std::string_view() : text.substr(colon + 1));
  const bool is_number = base::parse_decimal<std::uint32_t>(port).has_value();
  if (const auto only = base::parse_decimal<std::uint16_t>(colon == 0 ? port : text))
    return {shown + "has no address", ": write 127.0.0.1:" + std::to_string(*only) +
                                          " for this machine alone, or 0.0.0.0:" +
                                          std::to_string(*only) + " for all networks"};
  const bool has_colon = text.find(':') != text.npos;
  if (is_ip(text) && !has_colon)
    return {shown + "has no port", ": write " + std::string(text) + ":15001"};
  if (is_ip(host) && host.find(':') != host.npos && is_number)
    return {shown + "needs brackets", ": write \"[" + host + "]:" + port + '"'};
  if (is_ip(text)) return {shown + "has no port", ": write \"[" + std::string(text) + "]:15001\""};
  if (is_ip(host) && is_number) return {shown + "has a port that is not from 0 to 65535"};
  if (is_number && (host == "*" || host == "localhost"))
    return {shown + "has a name, and no IP address",
            ": write " + (host == "*" ? "0.0.0.0:" + port : "127.0.0.1:" + port)};
  if (is_number && is_host_name(host))
    return {shown + "has a name, and no IP address: names are not looked up here"};
  return {shown + "is not an address: write ip:port, \"[v6]:port\" or unix:/path"};
}

std::string name_problem(std::string_view name) {
  if (name.empty()) return "a name is missing";
  if (name.size() > longest_name) return "a name is at most 128 bytes long";
  if (has_control(name)) return "a control character cannot stand in a name";
  if (name.front() == ' ' || name.back() == ' ') return "a name has no space at its ends";
  return {};
}

bool fits_path(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c <= ' ' || c >= 0x7f || std::string_view("\\#?\"<>").find(c) != std::string_view::npos)
      return false;
    if (c == '%' && base::escaped_byte(text, i) <= 0) return false;
  }
  return true;
}

std::string field_problem(std::string_view name) {
  if (!base::is_token(name)) return "\"" + std::string(name) + "\" is not a field name";
  if (base::is_connection_field(name) || base::same_ignoring_case(name, "content-length"))
    return std::string(name) + " belongs to the connection: the proxy alone writes it";
  return {};
}

bool is_secret_field(std::string_view field) {
  constexpr std::string_view parts[] = {"authorization", "cookie", "token",   "secret",
                                        "password",      "apikey", "api-key", "credential"};
  const std::string name = base::lower_case(field);
  return std::any_of(std::begin(parts), std::end(parts),
                     [&](std::string_view part) { return name.find(part) != name.npos; });
}

}  // namespace config
