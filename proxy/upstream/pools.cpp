#include "proxy/upstream/pools.hpp"

#include "proxy/upstream/net_dialer.hpp"

#include <algorithm>

namespace upstream {

MakeDialer net_dialers(base::EventLoop& loop, base::Log& log) {
  return [&loop, &log] { return std::make_unique<NetDialer>(loop, log); };
}

base::Ref<EndpointPools> Pools::of(const config::Cluster& cluster, const config::Limits& limits,
                                   std::shared_ptr<const certs::Context> tls) {
  const auto found = std::find_if(
      all_.begin(), all_.end(), [&](const EndpointPools& pools) { return pools.serves(cluster); });
  if (found == all_.end())
    return base::Ref<EndpointPools>(
        all_.emplace_back(loop_, make_dialer_(), cluster, limits, std::move(tls)));
  found->renew(cluster, limits, std::move(tls));
  return base::Ref<EndpointPools>(*found);
}

void Pools::sweep() {
  for (EndpointPools& pools : all_) pools.sweep();
  all_.remove_if([](const EndpointPools& pools) { return pools.is_over(); });
}

}  // namespace upstream
