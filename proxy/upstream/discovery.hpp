// Keeps asking for the names of all clusters, and tells the workers what it found: a set of endpoints
// whenever it changed. A name that fails keeps its last good addresses. Control's thread.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "config/model.hpp"
#include "proxy/base/task_group.hpp"
#include "proxy/net/resolver.hpp"
#include "proxy/upstream/endpoint.hpp"

namespace upstream {

class Discovery {
 public:
  // Called in control's thread with a cluster's position in config.clusters; it posts the set to every
  // worker's Clusters::publish().
  using Publish = std::function<void(std::size_t, std::shared_ptr<const EndpointSet>)>;

  // Asks at once. All three outlive it; `config` too.
  Discovery(base::EventLoop& loop, net::Resolver& resolver, const config::Config& config,
            Publish publish);
  ~Discovery();

  // Each name was answered, well or not.
  bool is_settled() const { return unsettled_ == 0; }

 private:
  struct Service;

  base::Task<> follow(Service& service, std::size_t endpoint);
  void publish(Service& service);

  base::EventLoop& loop_;
  net::Resolver& resolver_;
  Publish publish_;
  std::vector<std::unique_ptr<Service>> services_;
  std::size_t unsettled_ = 0;
  base::TaskGroup tasks_;
};

// The addresses of a cluster without names; null if it has some.
std::shared_ptr<const EndpointSet> fixed_endpoints(const config::Cluster& cluster);

}  // namespace upstream
