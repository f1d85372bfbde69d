// All clusters of one configuration as one worker has them, each with the end of its chain.
// Clusters that have no names know their endpoints at once, the others when control publishes them.
// Owned by a generation, destroyed after its last exchange; the configuration and the pools outlive
// it.
#pragma once

#include "certs/store.hpp"
#include "config/model.hpp"
#include "proxy/upstream/cluster.hpp"
#include "proxy/upstream/discovery.hpp"
#include "proxy/upstream/forward.hpp"
#include "proxy/upstream/pools.hpp"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace upstream {

// TLS contexts by the cluster's name, made by control: none = clear. They offer by ALPN what the
// cluster's `protocol` allows.
using TlsContexts = std::map<std::string, std::shared_ptr<const certs::TlsContext>>;

// The endpoints of clusters without names, made by control.
using FixedEndpoints = std::map<std::string, std::shared_ptr<const EndpointSet>>;
FixedEndpoints fixed_endpoints(const config::Config& config);

class Clusters {
 public:
  Clusters(Pools& pools, const config::Config& config, const TlsContexts& tls,
           const FixedEndpoints& fixed);
  Clusters(Pools& pools, const config::Config& config, const TlsContexts& tls)
      : Clusters(pools, config, tls, fixed_endpoints(config)) {}
  Clusters(const Clusters&) = delete;
  Clusters& operator=(const Clusters&) = delete;
  ~Clusters();

  // Of one that the configuration names; they live as long as all of them.
  Cluster& at(std::string_view name) { return entry(name).cluster; }
  http::Handler& forward_to(std::string_view name) { return entry(name).forward; }

  // For the cluster of this name that has these names to resolve, if there is one. The worker's
  // thread: control posts it.
  void publish(const PublishedEndpoints& published);
  // For connections made from now on: its files have changed. The worker's thread.
  void renew_tls(std::string_view cluster, std::shared_ptr<const certs::TlsContext> tls);
  // The clusters in their order, each with what vanished from it.
  std::vector<ClusterSnapshot> snapshot() const;

 private:
  struct Entry {
    Entry(base::Ref<EndpointPools> pools, const config::Cluster& config, const std::string& zone)
        : cluster(std::move(pools), config, zone), forward(cluster) {}
    Cluster cluster;
    Forward forward;
  };
  Entry& entry(std::string_view name);

  Pools& pools_;
  std::vector<std::unique_ptr<Entry>> entries_;  // in the order of the configuration
  std::unordered_map<std::string_view, Entry*> by_name_;
};

}  // namespace upstream
