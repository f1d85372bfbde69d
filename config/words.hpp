// Names, hosts and header fields as a configuration may write them: they reach start lines, fields,
// logs and metrics. Pure.
#pragma once

#include "config/mistakes.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace config {

struct HostPort {
  std::string host;                   // of [v6] without its brackets
  std::optional<std::uint16_t> port;  // 1 to 65535
};

// "host", "host:port", "ip:port", "[v6]" or "[v6]:port".
std::optional<HostPort> split_host_port(std::string_view text);
// A DNS name, or text that looks like one; not an IP address.
bool is_host_name(std::string_view text);
bool is_ip(std::string_view text);

// What is wrong with the address of a socket, and what to write; "" = nothing.
Problem address_problem(std::string_view text);

// Whether a path, or a part of one, may hold this (RFC 9112, 3.2.1) and it means what it says: no
// control characters, spaces, '\', '#', '?', quotes or brackets, escapes whole, no "%00".
bool fits_path(std::string_view text);

// Of a listener, cluster, route: what is wrong with it; "" = nothing.
std::string name_problem(std::string_view name);

// Whether a field of that name usually carries a secret: authorization, cookies, tokens ...
bool is_secret_field(std::string_view name);
// Of a field that a configuration adds or sets: what is wrong with it; "" = nothing. Framing and
// what is the connection's own the proxy alone writes.
std::string field_problem(std::string_view name);

}  // namespace config
