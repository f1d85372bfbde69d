// The routes of one listener, compiled: which one a request takes, and what that one makes of its
// path. Immutable, shared by all workers: any thread.
#pragma once

#include "config/model.hpp"
#include "proxy/routing/path_template.hpp"
#include "proxy/routing/router.hpp"

#include <optional>
#include <vector>

namespace routing {

struct RouteEntry {
  const config::Route* config;
  std::optional<PathTemplate> rewrite;   // of `rewrite.path`
  std::optional<PathTemplate> redirect;  // of `redirect.path`
};

class RouteTable {
 public:
  // The routes outlive it.
  explicit RouteTable(const std::vector<config::Route>& routes);

  const Router& router() const { return router_; }
  std::size_t size() const { return entries_.size(); }
  const RouteEntry& operator[](std::size_t number) const { return entries_[number]; }

 private:
  Router router_;
  std::vector<RouteEntry> entries_;  // by their number in the router
};

}  // namespace routing
