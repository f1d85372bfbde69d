#include "proxy/upstream/pools.hpp"

#include "proxy/upstream/net_dialer.hpp"

#include <algorithm>

namespace upstream {

MakeDialer net_dialers(base::EventLoop& loop, net::HandshakeTurns& turns, base::Log& log) {
  return [&loop, &turns, &log] { return std::make_unique<NetDialer>(loop, turns, log); };
}

base::Ref<EndpointPools> Pools::of(const config::Cluster& cluster, const config::Limits& limits,
                                   std::shared_ptr<const certs::TlsContext> tls) {
  const auto found = std::find_if(
      all_.begin(), all_.end(), [&](const EndpointPools& pools) { return pools.suit(cluster); });
  if (found == all_.end())
    return base::Ref<EndpointPools>(
        all_.emplace_back(loop_, make_dialer_(), cluster, limits, std::move(tls),
                          states_->of(cluster.name)));
  found->renew(cluster, limits, std::move(tls));
  return base::Ref<EndpointPools>(*found);
}

void Pools::sweep() {
  for (EndpointPools& pools : all_) pools.sweep();
  all_.remove_if([this](const EndpointPools& pools) {
    if (pools.is_over()) gone_[pools.cluster()] += pools.gone();
    return pools.is_over();
  });
}

void Pools::forget_all_but(const std::vector<config::Cluster>& clusters) {
  std::erase_if(gone_, [&](const auto& of) {
    const auto is_it = [&of](const std::string& name) { return name == of.first; };
    return std::none_of(clusters.begin(), clusters.end(),
                        [&](const config::Cluster& cluster) { return is_it(cluster.name); }) &&
           std::none_of(all_.begin(), all_.end(),
                        [&](const EndpointPools& pools) { return is_it(pools.cluster()); });
  });
}

PoolCounts Pools::gone(const std::string& cluster) const {
  const auto found = gone_.find(cluster);
  PoolCounts sum = found == gone_.end() ? PoolCounts() : found->second;
  each_of(cluster, [&sum](const EndpointPools& pools) { sum += pools.gone(); });
  return sum;
}

}  // namespace upstream
