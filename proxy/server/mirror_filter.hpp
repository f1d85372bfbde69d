// Stands behind the filters of a route that has a `mirror`: of the requests that are drawn it sends a
// copy to the shadow cluster, as soon as the body has gone by as a whole. What a request says is
// kept for that as it is read; the request itself is never held up. Owned by the route's chain; the
// worker's thread.
#pragma once

#include "config/model.hpp"
#include "proxy/http/filter.hpp"
#include "proxy/server/mirrors.hpp"
#include "proxy/stats/registry.hpp"

#include <string_view>

namespace server {

class MirrorFilter final : public http::Filter {
 public:
  // Where it stands, and what it uses, all of which outlive it.
  struct Place {
    Mirrors& mirrors;
    base::Counted& generation;
    http::Handler& shadow;  // the chain of the cluster that the copies go to
    observe::Tracer* tracer;
    std::string_view listener;
    std::string_view route;
  };

  // shard: the worker's.
  MirrorFilter(const config::Mirror& mirror, const Place& place, stats::Registry& metrics,
               std::size_t shard);

  http::Task<http::Reply> handle(http::Request& request, http::Next next) override {
    if (is_meant(request)) copy(request);
    return next(request);
  }

 private:
  class Copied;

  bool is_meant(const http::Request& request) const;
  void copy(http::Request& request);
  void send(http::RequestHead head, http::Body body, http::StreamInfo& info);
  void drop_too_large(http::StreamInfo& info);

  const config::Mirror& mirror_;
  const Place place_;
  const std::size_t shard_;
  stats::Counter& sent_;
  stats::Counter& dropped_full_;
  stats::Counter& dropped_too_large_;
};

}  // namespace server
