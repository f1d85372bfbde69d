#include "proxy/upstream/endpoint_pools.hpp"

#include <algorithm>
#include <utility>

namespace upstream {
namespace {

config::Cluster without_filters(const config::Cluster& cluster) {
  config::Cluster copy = cluster;
  copy.filters.clear();
  copy.mark = {};
  return copy;
}

}  // namespace

EndpointPools::EndpointPools(base::EventLoop& loop, const config::Cluster& cluster,
                             const config::Limits& limits,
                             std::shared_ptr<const certs::Context> tls)
    : loop_(loop) {
  renew(cluster, limits, std::move(tls));
}

EndpointPools::~EndpointPools() = default;

bool EndpointPools::serves(const config::Cluster& cluster) const {
  return settings_.name == cluster.name && settings_.tls == cluster.tls &&
         settings_.protocol == cluster.protocol && settings_.pool == cluster.pool;
}

void EndpointPools::renew(const config::Cluster& cluster, const config::Limits& limits,
                          std::shared_ptr<const certs::Context> tls) {
  settings_ = without_filters(cluster);
  setup_.cluster = &settings_;
  setup_.tls = std::move(tls);
  setup_.http1.head.header_bytes = limits.response_header_bytes;
  setup_.http1.head.header_count = limits.response_header_count;
  setup_.http1.trailer_bytes = limits.trailer_bytes;
  setup_.http2.limits.header_bytes = limits.response_header_bytes;
  setup_.http2.limits.header_count = limits.response_header_count;
  setup_.http2.limits.trailer_bytes = limits.trailer_bytes;
  setup_.http2.streams = static_cast<std::uint32_t>(settings_.pool.streams);
  setup_.http2.ping = settings_.pool.ping;
}

base::Ref<Endpoint> EndpointPools::at(const base::Address& address) {
  const auto found =
      std::find_if(endpoints_.begin(), endpoints_.end(),
                   [&](const Endpoint& endpoint) { return endpoint.address == address; });
  if (found != endpoints_.end()) return base::Ref<Endpoint>(*found);
  Endpoint::Owner& owner = *this;
  Endpoint& made = endpoints_.emplace_back(owner, address);
  made.pool = std::make_unique<Pool>(loop_, setup_, made.address, made.in_flight);
  return base::Ref<Endpoint>(made);
}

void EndpointPools::on_unused(Endpoint& endpoint) noexcept {
  const auto found = std::find_if(endpoints_.begin(), endpoints_.end(),
                                  [&](const Endpoint& each) { return &each == &endpoint; });
  vanished_.splice(vanished_.end(), endpoints_, found);
  endpoint.pool->retire();
}

void EndpointPools::sweep() {
  vanished_.remove_if(
      [](const Endpoint& endpoint) { return !endpoint.is_used() && endpoint.pool->is_empty(); });
}

std::vector<EndpointSnapshot> EndpointPools::others_than(const Endpoints& chosen) const {
  std::vector<EndpointSnapshot> others;
  const auto add = [&](const Endpoint& endpoint) {
    const auto is_it = [&](const WeightedEndpoint& each) {
      return each.endpoint.target() == &endpoint;
    };
    if (std::none_of(chosen.begin(), chosen.end(), is_it))
      others.push_back({endpoint.text, 1, true, endpoint.pool->snapshot()});
  };
  for (const Endpoint& endpoint : endpoints_) add(endpoint);
  for (const Endpoint& endpoint : vanished_) add(endpoint);
  return others;
}

}  // namespace upstream
