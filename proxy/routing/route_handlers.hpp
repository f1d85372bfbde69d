// What stands in the middle of a listener's chain: the router, and at the end of each route what it
// does with a request. Built from the plan, one set a worker; its thread.
#pragma once

#include "proxy/http/filter.hpp"
#include "proxy/routing/route_table.hpp"

#include <memory>
#include <string_view>
#include <vector>

namespace routing {

// Answers with fixed words.
class RespondHandler final : public http::Handler {
 public:
  explicit RespondHandler(const config::Respond& respond)
      : respond_(respond), body_(base::Bytes::copy_of(respond.body)) {}
  http::Task<http::Reply> handle(http::Request& request) override;

 private:
  const config::Respond& respond_;
  // What a slow client has not taken of it outlives the configuration.
  const base::Bytes body_;
};

// Sends the client elsewhere.
class RedirectHandler final : public http::Handler {
 public:
  RedirectHandler(const RouteEntry& route, const RouteMatch& match)
      : route_(route), match_(match) {}
  http::Task<http::Reply> handle(http::Request& request) override;

 private:
  http::Reply answer(const http::Request& request) const;

  const RouteEntry& route_;
  const RouteMatch& match_;
};

// One cluster of a route, with its share of the requests.
struct WeightedCluster {
  std::string_view cluster;
  std::uint32_t parts;         // of 10 000
  http::Handler* chain;        // the cluster's
  bool needs_default_timeout;  // no timeout stands on listener, route or cluster
};

// Hands on to the cluster that was drawn for the exchange.
class ClusterHandler final : public http::Handler {
 public:
  explicit ClusterHandler(std::vector<WeightedCluster> clusters) : clusters_(std::move(clusters)) {}
  // Of any of them.
  bool needs_default_timeout() const;
  // Once for an exchange, by the shares.
  const WeightedCluster& choose(const http::Request& request) const;
  http::Task<http::Reply> handle(http::Request& request) override;

 private:
  std::vector<WeightedCluster> clusters_;
};

// All of one route.
struct RouteChain {
  std::unique_ptr<http::Handler> last;       // one of the handlers above
  const ClusterHandler* clusters = nullptr;  // `last`, if it is one
  std::unique_ptr<http::Chain> filtered;     // the route's filters before it
  std::unique_ptr<http::Chain> timed;        // the default timeout before them; may be null
};

// Those of routes that are handled alike may be one: a table of many thousands is made in little time.
using RouteChains = std::vector<std::shared_ptr<const RouteChain>>;

class RouteHandler final : public http::Handler {
 public:
  explicit RouteHandler(const RouteTable& table) : table_(table) { chains_.reserve(table.size()); }
  http::Task<http::Reply> handle(http::Request& request) override;

  // Of the next route, before the first request.
  void add(std::shared_ptr<const RouteChain> chain) { chains_.push_back(std::move(chain)); }
  bool has_all() const { return chains_.size() == table_.size(); }
  std::size_t count() const { return chains_.size(); }
  // The last that was added; behind the last request.
  void drop_last() { chains_.pop_back(); }

 private:
  const RouteTable& table_;
  RouteChains chains_;  // by the number of the route
};

}  // namespace routing
