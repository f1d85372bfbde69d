// Names, hosts and header fields as a configuration may write them: they reach start lines, fields,
// logs and metrics. Pure.
#pragma once

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
std::string address_problem(std::string_view text);

// Of a listener, cluster, route: what is wrong with it; "" = nothing.
std::string name_problem(std::string_view name);

// Whether a field of that name usually carries a secret: authorization, cookies, tokens ...
bool is_secret_field(std::string_view name);
bool is_token(std::string_view text);  // RFC 9110, 5.6.2
// Whether a field is the connection's own, which the proxy alone writes: framing and hop-by-hop.
bool is_connection_field(std::string_view name);
// Of a field that a configured answer may carry.
std::string field_problem(std::string_view name);

}  // namespace config
