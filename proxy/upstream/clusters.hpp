// All clusters of one worker, each with the end of its chain. Clusters that have no names know their
// endpoints at once, the others when control publishes them. Destroyed after the worker's last
// exchange; the configuration outlives it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "certs/store.hpp"
#include "config/model.hpp"
#include "proxy/upstream/cluster.hpp"
#include "proxy/upstream/forward.hpp"

namespace upstream {

// TLS contexts by the cluster's name, made by control: none = clear. They offer by ALPN what the
// cluster's `protocol` allows.
using TlsContexts = std::map<std::string, std::shared_ptr<const certs::Context>>;

class Clusters {
 public:
  Clusters(base::EventLoop& loop, const config::Config& config, const TlsContexts& tls);
  Clusters(const Clusters&) = delete;
  Clusters& operator=(const Clusters&) = delete;
  ~Clusters();

  // By the position in config.clusters.
  http::Handler& forward(std::size_t index) { return entries_[index]->forward; }
  Cluster& operator[](std::size_t index) { return entries_[index]->cluster; }

  // The worker's thread: control posts it (see Discovery::Publish).
  void publish(std::size_t index, const EndpointSet& set) { (*this)[index].publish(set); }
  // For connections made from now on: its files have changed. The worker's thread.
  void renew_tls(std::size_t index, std::shared_ptr<const certs::Context> tls) {
    (*this)[index].renew_tls(std::move(tls));
  }
  std::vector<ClusterSnapshot> snapshot() const;

 private:
  struct Entry {
    Entry(base::EventLoop& loop, PoolSetup setup) : cluster(loop, std::move(setup)), forward(cluster) {}
    Cluster cluster;
    Forward forward;
  };
  std::vector<std::unique_ptr<Entry>> entries_;
};

}  // namespace upstream
