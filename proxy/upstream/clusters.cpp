#include "proxy/upstream/clusters.hpp"

#include "proxy/upstream/discovery.hpp"

namespace upstream {

Clusters::Clusters(base::EventLoop& loop, const config::Config& config, const TlsContexts& tls) {
  for (const config::Cluster& cluster : config.clusters) {
    PoolSetup setup;
    setup.cluster = &cluster;
    if (const auto found = tls.find(cluster.name); found != tls.end()) setup.tls = found->second;
    setup.http1.head.header_bytes = config.limits.response_header_bytes;
    setup.http1.head.header_count = config.limits.response_header_count;
    setup.http1.trailer_bytes = config.limits.trailer_bytes;
    setup.http2.limits.header_bytes = config.limits.response_header_bytes;
    setup.http2.limits.header_count = config.limits.response_header_count;
    setup.http2.limits.trailer_bytes = config.limits.trailer_bytes;
    setup.http2.streams = static_cast<std::uint32_t>(setup.cluster->pool.streams);
    setup.http2.ping = setup.cluster->pool.ping;
    entries_.push_back(std::make_unique<Entry>(loop, std::move(setup)));
    if (const auto fixed = fixed_endpoints(cluster)) entries_.back()->cluster.publish(*fixed);
  }
}

Clusters::~Clusters() = default;

std::vector<ClusterSnapshot> Clusters::snapshot() const {
  std::vector<ClusterSnapshot> all;
  for (const auto& entry : entries_) all.push_back(entry->cluster.snapshot());
  return all;
}

}  // namespace upstream
