#include "proxy/http2/section.hpp"

#include "proxy/base/ascii.hpp"
#include "proxy/http/trailers.hpp"

namespace http2 {
namespace {

constexpr std::size_t flood_factor = 4;  // over the limits: no more than marked

}  // namespace

bool Section::take(Kind kind, std::string_view name, std::string_view value,
                   const SessionLimits& limits) {
  const bool is_head = kind == Kind::head;
  const std::size_t most_bytes = is_head ? limits.header_bytes : limits.trailer_bytes;
  const bool is_pseudo = name.starts_with(':');
  bytes += name.size() + value.size() + 32;
  if (!is_pseudo) ++count;
  if (bytes > most_bytes) is_too_large = true;
  if (count > limits.header_count) has_too_many_fields = true;
  if (bytes > flood_factor * most_bytes || count > flood_factor * limits.header_count) return false;
  if (is_pseudo) {
    take_pseudo(name, value, limits);
    return true;
  }
  if (is_over_limits()) return true;
  if (!is_head) {
    if (http::may_be_trailer(name)) headers.add(name, value);
    return true;
  }
  if (name == "host") {
    take_host(value);
  } else if (name == "cookie") {
    if (has_cookie_) cookie_ += "; ";
    cookie_ += value;
    has_cookie_ = true;
  } else {
    headers.add(http::known_name(name), name, value);  // in lower case already
  }
  return true;
}

void Section::take_pseudo(std::string_view name, std::string_view value,
                          const SessionLimits& limits) {
  if (name == ":status") {
    status = base::parse_decimal<std::uint16_t>(value).value_or(0);
  } else if (name == ":path") {
    is_target_too_long = value.size() > limits.target_bytes;
    if (!is_target_too_long) path = value;
  } else if (value.size() > limits.target_bytes) {
    is_too_large = true;
  } else if (name == ":method") {
    method = value;
  } else if (name == ":scheme") {
    scheme = value;
  } else if (name == ":authority") {
    authority = value;
  } else if (name == ":protocol") {
    protocol = value;
  }
}

// RFC 9113 8.3.1: one host, and the same as :authority.
void Section::take_host(std::string_view value) {
  if (std::exchange(has_host_, true)) is_malformed = true;
  host_ = value;
}

void Section::complete() {
  if (has_cookie_) headers.add(http::Name::cookie, cookie_);
  if (!has_host_) return;
  if (authority.empty())
    authority = std::move(host_);
  else if (!base::same_ignoring_case(authority, host_))
    is_malformed = true;
}

}  // namespace http2
