// `hash_on`: what of a request decides where it goes, and the cookie that keeps a client at one
// endpoint. Owned by a Cluster; the worker's thread.
#pragma once

#include "config/model.hpp"
#include "proxy/http/message.hpp"
#include "proxy/http/selector.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace upstream {

class Affinity {
 public:
  explicit Affinity(const config::HashOn& config);

  // None: the request does not say it.
  std::optional<std::uint64_t> hash_of(const http::Request& request) const;

  bool sets_cookie() const { return !config_.cookie.empty(); }
  // What a cookie of this value will hash to.
  static std::uint64_t hash_of_pin(std::uint64_t pin);
  // `set-cookie` with that value.
  std::string cookie_of(std::uint64_t pin, bool is_secure) const;

 private:
  const config::HashOn& config_;  // the configuration's, which outlives it
  const std::optional<http::Selector> selector_;
};

}  // namespace upstream
