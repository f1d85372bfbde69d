#include "proxy/routing/route_table.hpp"

#include "proxy/base/ascii.hpp"

namespace routing {
namespace {

MatchSpec spec_of(const config::Match& match) {
  MatchSpec spec;
  spec.hosts = match.host;
  spec.paths = match.path;
  spec.path_regex = match.path_regex;
  spec.methods = match.method;
  for (const auto& [name, value] : match.headers)
    spec.headers.emplace_back(base::lower_case(name), value);
  spec.query = match.query;
  spec.is_grpc = match.is_grpc;
  return spec;
}

std::vector<MatchSpec> specs_of(const std::vector<config::Route>& routes) {
  std::vector<MatchSpec> specs;
  for (const config::Route& route : routes) specs.push_back(spec_of(route.match));
  return specs;
}

RouteEntry entry_of(const config::Route& route) {
  RouteEntry made{&route, std::nullopt, std::nullopt};
  if (!route.rewrite.path.empty()) made.rewrite.emplace(route.rewrite.path);
  if (route.redirect && !route.redirect->path.empty()) made.redirect.emplace(route.redirect->path);
  return made;
}

}  // namespace

RouteTable::RouteTable(const std::vector<config::Route>& routes) : router_(specs_of(routes)) {
  for (const config::Route& route : routes) entries_.push_back(entry_of(route));
}

}  // namespace routing
