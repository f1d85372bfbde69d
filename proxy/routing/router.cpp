#include "proxy/routing/router.hpp"

#include <algorithm>

namespace routing {
namespace {

constexpr std::size_t longest_host = 256;  // what is longer names nothing

}  // namespace

Router::Router(std::vector<MatchSpec> specs) {
  matches_.reserve(specs.size());
  for (MatchSpec& spec : specs) {
    const auto number = static_cast<Number>(matches_.size());
    const RouteMatch& match = matches_.emplace_back(std::move(spec));
    if (match.spec().hosts.empty()) add(any_host_, number);
    for (const std::string& host : match.spec().hosts) {
      if (host.starts_with("*."))
        add(parents_[host.substr(2)], number);
      else
        add(hosts_[host], number);
    }
  }
}

void Router::add(ByPath& routes, Number number) {
  const std::vector<std::string>& paths = matches_[number].spec().paths;
  if (paths.empty()) routes.rest.push_back(number);
  for (const std::string& path : paths) {
    const auto prefix = prefix_of(path);
    std::vector<Number>& list = prefix ? routes.prefix[std::string(*prefix)] : routes.exact[path];
    if (list.empty() || list.back() != number) list.push_back(number);
    if (!prefix) continue;
    routes.shortest_prefix = std::min(routes.shortest_prefix, prefix->size());
    routes.longest_prefix = std::max(routes.longest_prefix, prefix->size());
  }
}

std::optional<std::size_t> Router::find(const MatchInput& input) const {
  Number best = none;
  look(any_host_, input, best);
  if (!hosts_.empty() || !parents_.empty()) look_at_hosts(input, best);
  if (best == none) return std::nullopt;
  return best;
}

void Router::look_at_hosts(const MatchInput& input, Number& best) const {
  char text[longest_host];
  const std::string_view host = host_of(input.head.authority, text, sizeof text);
  if (const auto found = hosts_.find(host); found != hosts_.end()) look(found->second, input, best);
  const std::size_t dot = host.find('.');
  if (dot == 0 || dot == host.npos) return;
  const auto found = parents_.find(host.substr(dot + 1));
  if (found != parents_.end()) look(found->second, input, best);
}

void Router::look(const ByPath& routes, const MatchInput& input, Number& best) const {
  if (!routes.exact.empty()) {
    const auto found = routes.exact.find(input.path);
    if (found != routes.exact.end()) take_first(found->second, input, best);
  }
  if (!routes.prefix.empty()) look_at_prefixes(routes, input, best);
  take_first(routes.rest, input, best);
}

// Each prefix of the path that ends where a segment does: "/a/b" is below "/a/b", "/a" and "".
void Router::look_at_prefixes(const ByPath& routes, const MatchInput& input, Number& best) const {
  const std::string_view path = input.path;
  if (!path.starts_with('/')) return;
  for (std::size_t size = routes.shortest_prefix;
       size <= std::min(path.size(), routes.longest_prefix); ++size) {
    if (size < path.size() && path[size] != '/') continue;
    const auto found = routes.prefix.find(path.substr(0, size));
    if (found != routes.prefix.end()) take_first(found->second, input, best);
  }
}

void Router::take_first(const std::vector<Number>& candidates, const MatchInput& input,
                        Number& best) const {
  for (const Number number : candidates) {
    if (number >= best) return;
    if (!matches_[number].accepts(input)) continue;
    best = number;
    return;
  }
}

}  // namespace routing
