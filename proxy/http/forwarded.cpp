#include "proxy/http/forwarded.hpp"

#include <algorithm>

#include "proxy/base/ascii.hpp"

namespace http {
namespace {

bool says_who(const Headers::Field& field) {
  return field.id == Name::forwarded || field.id == Name::x_real_ip ||
         field.name.starts_with("x-forwarded-");
}

// An element of x-forwarded-for: an address, perhaps with a port or in brackets.
std::optional<base::Address> address_of(std::string_view element) {
  if (const auto plain = base::Address::parse_ip(element, 0)) return plain;
  if (const auto with_port = base::Address::parse(element); with_port && with_port->is_ip())
    return with_port;
  if (element.size() > 2 && element.front() == '[' && element.back() == ']')
    return base::Address::parse_ip(element.substr(1, element.size() - 2), 0);
  return std::nullopt;
}

std::optional<base::Address> client_of(const Headers& headers, std::size_t hops) {
  std::vector<std::string_view> all;
  for (const Headers::Field field : headers) {
    if (field.id != Name::x_forwarded_for) continue;
    base::for_each_element(field.value, [&](std::string_view element) {
      all.push_back(element);
      return true;
    });
  }
  if (all.empty()) return std::nullopt;
  return address_of(all[all.size() - std::min(hops, all.size())]);
}

void add_x_forwarded(RequestHead& head, const StreamInfo& info) {
  const std::string peer = info.connection.remote.ip();
  std::string chain;
  for (const Headers::Field field : head.headers)
    if (field.id == Name::x_forwarded_for) chain.append(field.value).append(", ");
  if (!peer.empty()) head.headers.set(Name::x_forwarded_for, chain.append(peer));
  head.headers.set(Name::x_forwarded_proto, info.connection.is_tls ? "https" : "http");
  if (!head.headers.contains(Name::x_forwarded_host))
    head.headers.add(Name::x_forwarded_host, head.authority);
}

void add_forwarded(RequestHead& head, const StreamInfo& info) {
  const base::Address& peer = info.connection.remote;
  std::string value = "for=";
  if (peer.family() == AF_INET6)
    value.append("\"[").append(peer.ip()).append("]\"");
  else
    value.append(peer.is_ip() ? peer.ip() : "unknown");
  value.append(";host=\"").append(head.authority).append("\";proto=");
  head.headers.add(Name::forwarded, value.append(info.connection.is_tls ? "https" : "http"));
}

}  // namespace

void apply_forwarded(const ForwardedPolicy& policy, RequestHead& head, StreamInfo& info) {
  const base::Address& peer = info.connection.remote;
  info.is_trusted = std::any_of(policy.trust.begin(), policy.trust.end(),
                                [&](const auto& range) { return range.contains(peer); });
  if (info.is_trusted)
    info.forwarded_for = client_of(head.headers, policy.hops);
  else
    head.headers.remove_if(says_who);
  // Whoever is behind may trace, and trusts this proxy.
  if (!info.is_trusted && !info.is_outbound) head.headers.remove(Name::x_outrider_trace);
  if (policy.sends_x_forwarded) add_x_forwarded(head, info);
  if (policy.sends_forwarded) add_forwarded(head, info);
}

}  // namespace http
