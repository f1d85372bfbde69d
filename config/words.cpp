#include "config/words.hpp"

#include "config/source.hpp"
#include "proxy/base/address.hpp"
#include "proxy/base/ascii.hpp"

#include <algorithm>

namespace config {
namespace {

constexpr std::size_t longest_name = 128;
constexpr std::size_t longest_host = 253;
constexpr std::size_t longest_label = 63;

constexpr std::string_view connection_fields[] = {
    "connection", "content-length", "keep-alive",        "proxy-connection",
    "te",         "trailer",        "transfer-encoding", "upgrade",
};

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

std::string name_problem(std::string_view name) {
  if (name.empty()) return "a name is missing";
  if (name.size() > longest_name) return "a name is at most 128 bytes long";
  if (has_control(name)) return "a control character cannot stand in a name";
  if (name.front() == ' ' || name.back() == ' ') return "a name has no space at its ends";
  return {};
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return base::is_alpha(c) || base::is_digit(c) ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool is_connection_field(std::string_view name) {
  return std::any_of(std::begin(connection_fields), std::end(connection_fields),
                     [&](std::string_view field) { return base::same_ignoring_case(name, field); });
}

std::string field_problem(std::string_view name) {
  if (!is_token(name)) return "\"" + std::string(name) + "\" is not a field name";
  if (is_connection_field(name))
    return std::string(name) + " belongs to the connection: the proxy alone writes it";
  return {};
}

}  // namespace config
