#include "proxy/upstream/affinity.hpp"

#include "proxy/base/hash.hpp"

#include <algorithm>

namespace upstream {
namespace {

// Sixteen hexadecimal digits.
std::string text_of(std::uint64_t pin) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) text += digits[(pin >> shift) & 0xf];
  return text;
}

}  // namespace

Affinity::Affinity(const config::HashOn& config)
    : config_(config),
      selector_(
          http::Selector::parse(config.cookie.empty() ? config.selector : "cookie:" + config.cookie)
              .selector) {}

std::optional<std::uint64_t> Affinity::hash_of(const http::Request& request) const {
  const std::optional<std::string_view> said = selector_ ? selector_->of(request) : std::nullopt;
  if (!said || said->empty()) return std::nullopt;
  return base::stable_hash(*said);
}

std::uint64_t Affinity::hash_of_pin(std::uint64_t pin) {
  return base::stable_hash(text_of(pin));
}

std::string Affinity::cookie_of(std::uint64_t pin, bool is_secure) const {
  std::string cookie = config_.cookie + '=' + text_of(pin) + "; Path=" + config_.path;
  if (config_.ttl > base::Millis{0})
    cookie +=
        "; Max-Age=" + std::to_string(std::max<std::int64_t>(config_.ttl / base::Millis{1000}, 1));
  cookie += "; HttpOnly; SameSite=Lax";
  if (is_secure) cookie += "; Secure";
  return cookie;
}

}  // namespace upstream
