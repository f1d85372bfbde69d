// Request targets, authorities and field syntax (RFC 9110, 9112, 3986), for both versions of HTTP.
// Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace http {

// Visible characters, spaces, tabs and bytes from 0x80; no CR, LF, NUL or other controls.
bool valid_field_value(std::string_view value);

// host or host:port, without user information; the host a registered name, IPv4 or [IPv6]. No
// escapes, no empty labels but a last one, no empty port.
bool valid_authority(std::string_view authority);

struct Authority {
  std::string_view host;  // as written
  std::optional<std::uint16_t> port;
};
// Of a valid authority.
Authority split_authority(std::string_view authority);

// A path with its query that begins with '/': no controls, spaces, `\`, `#` or bytes from 0x80, and
// no %00 before the query.
bool valid_path(std::string_view path);
// Unreserved escapes decoded, dot segments removed (RFC 3986 5.2.4, 6.2.2); the query is not
// touched. Applying it twice changes nothing more. Nothing = `..` above the root, or a `%` that
// begins no escape.
std::optional<std::string> normalize_path(std::string_view path);
bool has_encoded_slash(std::string_view path);  // %2F before the query

}  // namespace http
