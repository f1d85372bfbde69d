// Which part of a request tells requests apart: the `key` of throttles and bulkheads, `hash_on`,
// `priority`. A value, immutable; any thread.
#pragma once

#include "proxy/http/message.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace http {

class Selector {
 public:
  struct Parsed;
  // "header:NAME", "cookie:NAME", "source_ip", "route", "cluster" or "path".
  static Parsed parse(std::string_view text);

  // What the request says there, as bytes that are compared and not shown: an address is binary,
  // of IPv6 its /64. Nothing: the request does not say it. Valid until the request changes.
  std::optional<std::string_view> of(const Request& request) const;

  // It is not known before a route was found.
  bool needs_route() const { return kind_ == Kind::route || kind_ == Kind::cluster; }

 private:
  enum class Kind : std::uint8_t { header, cookie, source_ip, route, cluster, path };
  Selector(Kind kind, std::string name) : kind_(kind), name_(std::move(name)) {}

  Kind kind_;
  std::string name_;  // of a header in lower case, of a cookie as it is
};

struct Selector::Parsed {
  std::optional<Selector> selector;
  std::string problem;  // or in words what was wrong with the text
};

}  // namespace http
