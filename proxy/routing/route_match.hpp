// What a route asks of a request, compiled once and shared by all workers: immutable, any thread.
// Which routes are worth asking the Router knows.
#pragma once

#include "proxy/http/message.hpp"

#include <re2/re2.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace routing {

// As the configuration says it; fields are joined by AND, values by OR.
struct MatchSpec {
  std::vector<std::string> hosts;  // lower case, without port; "*.a": one more label; empty = any
  std::vector<std::string>
      paths;               // exact, or "/a/*": that prefix on a segment boundary; empty = any
  std::string path_regex;  // "" = none
  std::vector<std::string> methods;
  std::vector<std::pair<std::string, std::string>> headers;  // name in lower case; "*" = present
  std::vector<std::pair<std::string, std::string>> query;
  bool is_grpc = false;  // of gRPC's content type
};

// A request as routes see it; made once a request. Names what the head holds.
class MatchInput {
 public:
  explicit MatchInput(const http::RequestHead& head);

  const http::RequestHead& head;
  std::string_view path;   // without the query
  std::string_view query;  // without '?'
};

class RouteMatch {
 public:
  explicit RouteMatch(MatchSpec spec);

  // Whether all but host and path, which the Router has looked up, fit. A regular expression is
  // asked here.
  bool accepts(const MatchInput& input) const;

  const MatchSpec& spec() const { return spec_; }
  // What the "/*" of the match stood for: "", or from a '/' on.
  std::string_view rest_of(std::string_view path) const;
  const re2::RE2* regex() const { return regex_.get(); }

 private:
  bool accepts_method(const http::RequestHead& head) const;
  bool accepts_headers(const http::Headers& headers) const;

  MatchSpec spec_;
  std::unique_ptr<re2::RE2> regex_;
};

// "/a" of "/a/*"; nothing of a path without it.
std::optional<std::string_view> prefix_of(std::string_view path);

// The host of an authority: without port, brackets and trailing dot, in lower case, written to
// `buffer`. "" if it does not fit.
std::string_view host_of(std::string_view authority, char* buffer, std::size_t capacity);

}  // namespace routing
