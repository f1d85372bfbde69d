// Keeps asking for the names of all clusters, and tells the workers what it found: a set of
// endpoints whenever it changed. A name that fails keeps its last good addresses. What several
// configurations name alike is asked for once, and goes on through a reload. Control's thread.
#pragma once

#include "config/model.hpp"
#include "proxy/base/task_group.hpp"
#include "proxy/net/resolver.hpp"
#include "proxy/upstream/endpoint.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace upstream {

// The names of one cluster.
struct ClusterNames {
  std::string cluster;
  std::vector<config::Endpoint> endpoints;
  config::Dns dns;

  explicit ClusterNames(const config::Cluster& of)
      : cluster(of.name), endpoints(of.endpoints), dns(of.dns) {}
  bool are_of(const config::Cluster& other) const {
    return cluster == other.name && endpoints == other.endpoints && dns == other.dns;
  }
};

// What they stand for at a moment. Immutable, any thread.
struct PublishedEndpoints {
  ClusterNames names;
  std::shared_ptr<const EndpointSet> set;
};

class Discovery {
 public:
  // Called in control's thread, which posts it to every worker's Clusters::publish().
  using Publish = std::function<void(std::shared_ptr<const PublishedEndpoints>)>;

  // Both outlive it.
  Discovery(base::EventLoop& loop, net::Resolver& resolver, Publish publish);
  ~Discovery();

  // From now on the names of these configurations and of no others; new ones are asked for at once.
  // Not from inside Publish.
  void follow(const std::vector<const config::Config*>& configs);
  // Each name was answered, well or not.
  bool is_settled() const;
  std::vector<std::shared_ptr<const PublishedEndpoints>> published() const;
  // How often a name of theirs could not be resolved, by cluster: of all that it ever followed.
  const std::map<std::string, std::uint64_t>& failures() const { return failures_; }

 private:
  class Service;

  void add(const config::Cluster& cluster);

  base::EventLoop& loop_;
  net::Resolver& resolver_;
  Publish publish_;
  std::map<std::string, std::uint64_t> failures_;
  std::vector<std::unique_ptr<Service>> services_;
};

// The addresses of a cluster without names; null if it has some.
std::shared_ptr<const EndpointSet> fixed_endpoints(const config::Cluster& cluster);

}  // namespace upstream
