// The path that a rewrite or a redirect makes of the one that matched: "/orders/*" keeps what the
// match's "/*" stood for, "$1" is what a regular expression captured, anything else replaces the
// path. What comes out is checked: a capture may cut an escape in two. Immutable, any thread.
#pragma once

#include "proxy/base/error.hpp"
#include "proxy/routing/route_match.hpp"

#include <string>
#include <string_view>

namespace routing {

class PathTemplate {
 public:
  explicit PathTemplate(std::string text) : text_(std::move(text)) {}

  // `path` has no query, and `match` has accepted it.
  base::Result<std::string> apply(const RouteMatch& match, std::string_view path) const;

 private:
  std::string expand(const re2::RE2& regex, std::string_view path) const;

  std::string text_;
};

}  // namespace routing
