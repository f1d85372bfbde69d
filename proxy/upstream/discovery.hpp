// Finds the endpoints of all clusters that do not write down addresses: by names, by SRV records, in
// files. Tells the workers what it found: a set of endpoints whenever it changed. What fails keeps
// its last good set. What several configurations say alike is asked for once, and goes on through a
// reload. Control's thread.
#pragma once

#include "config/model.hpp"
#include "proxy/base/executor.hpp"
#include "proxy/base/folder_watch.hpp"
#include "proxy/base/log.hpp"
#include "proxy/net/resolver.hpp"
#include "proxy/upstream/endpoint.hpp"
#include "proxy/upstream/snapshot.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace upstream {

class ClusterDiscovery;

// What one cluster says of where its endpoints are.
struct ClusterNames {
  std::string cluster;
  std::vector<config::Endpoint> endpoints;
  std::optional<config::Discovery> discovery;
  config::Dns dns;
  config::Balancing load_balancer;  // which table is published with them

  explicit ClusterNames(const config::Cluster& of)
      : cluster(of.name),
        endpoints(of.endpoints),
        discovery(of.discovery),
        dns(of.dns),
        load_balancer(of.load_balancer) {}
  bool are_of(const config::Cluster& other) const {
    return cluster == other.name && endpoints == other.endpoints && discovery == other.discovery &&
           dns == other.dns && load_balancer == other.load_balancer;
  }
};

// What they stand for at a moment. Immutable, any thread.
struct PublishedEndpoints {
  ClusterNames names;
  std::shared_ptr<const EndpointSet> set;
};

// What discovery works with; all of it outlives it.
struct DiscoveryParts {
  base::EventLoop& loop;
  net::Resolver& resolver;
  base::Executor& executor;  // reads files
  base::Log& log;
};

class Discovery {
 public:
  // Called in control's thread, which posts it to every worker's Clusters::publish().
  using Publish = std::function<void(std::shared_ptr<const PublishedEndpoints>)>;

  Discovery(DiscoveryParts parts, Publish publish);
  ~Discovery();

  // From now on what these configurations name, and nothing else; what is new is asked for at once.
  // Not from inside Publish.
  void follow(const std::vector<const config::Config*>& configs);
  // Everything was answered, well or not.
  bool is_settled() const;
  std::vector<std::shared_ptr<const PublishedEndpoints>> published() const;
  // How often a name of theirs could not be resolved, by cluster: of all that it ever followed.
  const std::map<std::string, std::uint64_t>& failures() const { return failures_; }
  // Of clusters with `discovery`, by name.
  std::map<std::string, DiscoverySource> sources() const;

 private:
  friend class ClusterDiscovery;

  void add(const config::Cluster& cluster, const config::Config& config);

  const DiscoveryParts parts_;
  base::FolderWatches folders_;
  Publish publish_;
  std::map<std::string, std::uint64_t> failures_;
  std::vector<std::unique_ptr<ClusterDiscovery>> clusters_;
};

bool has_fixed_endpoints(const config::Cluster& cluster);
// The addresses of a cluster that writes all of them down, with their table; null if it does not.
std::shared_ptr<const EndpointSet> fixed_endpoints(const config::Cluster& cluster);

}  // namespace upstream
