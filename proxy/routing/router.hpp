// Finds the first route of a listener, in file order, that fits a request. Routes are indexed by
// host and path, so that ten thousand cost no more than ten; each list of candidates is in file
// order and the least of what they offer wins. What cannot be indexed (regular expressions, routes
// for any path) is asked one by one. Immutable, shared by all workers: any thread.
#pragma once

#include "proxy/routing/route_match.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace routing {

class Router {
 public:
  // In file order; the index of a spec is the number of its route.
  explicit Router(std::vector<MatchSpec> specs);

  std::optional<std::size_t> find(const MatchInput& input) const;
  const RouteMatch& match(std::size_t route) const { return matches_[route]; }

 private:
  using Number = std::uint32_t;
  static constexpr Number none = UINT32_MAX;

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  template <typename T> using Table = std::unordered_map<std::string, T, Hash, std::equal_to<>>;

  // The routes of one host.
  struct ByPath {
    Table<std::vector<Number>> exact;
    Table<std::vector<Number>> prefix;  // by "/a" of "/a/*"
    std::size_t shortest_prefix = SIZE_MAX;
    std::size_t longest_prefix = 0;
    std::vector<Number> rest;
  };

  void add(ByPath& routes, Number number);
  void look(const ByPath& routes, const MatchInput& input, Number& best) const;
  void look_at_hosts(const MatchInput& input, Number& best) const;
  void look_at_prefixes(const ByPath& routes, const MatchInput& input, Number& best) const;
  void take_first(const std::vector<Number>& candidates, const MatchInput& input,
                  Number& best) const;

  std::vector<RouteMatch> matches_;
  ByPath any_host_;
  Table<ByPath> hosts_;
  Table<ByPath> parents_;  // by "a" of "*.a"
};

}  // namespace routing
