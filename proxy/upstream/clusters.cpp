#include "proxy/upstream/clusters.hpp"

#include <cassert>
#include <utility>

namespace upstream {

FixedEndpoints fixed_endpoints(const config::Config& config) {
  FixedEndpoints all;
  for (const config::Cluster& cluster : config.clusters)
    if (auto set = fixed_endpoints(cluster)) all[cluster.name] = std::move(set);
  return all;
}

Clusters::Clusters(Pools& pools, const config::Config& config, const TlsContexts& tls,
                   const FixedEndpoints& fixed)
    : pools_(pools) {
  for (const config::Cluster& cluster : config.clusters) {
    const auto found = tls.find(cluster.name);
    std::shared_ptr<const certs::TlsContext> context = found == tls.end() ? nullptr : found->second;
    entries_.push_back(std::make_unique<Entry>(pools.of(cluster, config.limits, std::move(context)),
                                               cluster, config.node.zone));
    by_name_[cluster.name] = entries_.back().get();
    if (const auto set = fixed.find(cluster.name); set != fixed.end())
      entries_.back()->cluster.publish(*set->second);
  }
}

Clusters::~Clusters() = default;

Clusters::Entry& Clusters::entry(std::string_view name) {
  const auto found = by_name_.find(name);
  assert(found != by_name_.end() && "the loader knows all names");
  return *found->second;
}

void Clusters::publish(const PublishedEndpoints& published) {
  for (const auto& entry : entries_)
    if (published.names.are_of(entry->cluster.config())) entry->cluster.publish(*published.set);
}

void Clusters::renew_tls(std::string_view cluster, std::shared_ptr<const certs::TlsContext> tls) {
  for (const auto& entry : entries_)
    if (entry->cluster.config().name == cluster) entry->cluster.pools().renew_tls(tls);
}

std::vector<ClusterSnapshot> Clusters::snapshot() const {
  std::vector<ClusterSnapshot> all;
  for (const auto& entry : entries_) {
    ClusterSnapshot& now = all.emplace_back(entry->cluster.snapshot());
    now.gone = pools_.gone(now.name);
    pools_.each_of(now.name, [&](const EndpointPools& pools) {
      for (EndpointSnapshot& other : pools.others_than(entry->cluster.endpoints()))
        now.endpoints.push_back(std::move(other));
    });
  }
  return all;
}

}  // namespace upstream
