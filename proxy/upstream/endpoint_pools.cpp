#include "proxy/upstream/endpoint_pools.hpp"

#include "proxy/upstream/client_pools.hpp"
#include "proxy/upstream/outage.hpp"

#include <algorithm>
#include <utility>

namespace upstream {
namespace {

config::Cluster without_filters(const config::Cluster& cluster) {
  config::Cluster copy = cluster;
  copy.filters.clear();
  copy.mark = {};
  if (copy.tls) copy.tls->places.clear();
  return copy;
}

void add_vanished(const Endpoint& endpoint, std::vector<EndpointSnapshot>& to) {
  EndpointSnapshot& seen = to.emplace_back();
  seen.address = endpoint.text;
  seen.is_vanished = true;
  seen.pool = endpoint.snapshot();
}

}  // namespace

EndpointPools::EndpointPools(base::Loop& loop, std::unique_ptr<Dialer> dialer,
                             const config::Cluster& cluster, const config::Limits& limits,
                             std::shared_ptr<const certs::TlsContext> tls,
                             std::shared_ptr<ClusterState> state)
    : loop_(loop), dialer_(std::move(dialer)), state_(std::move(state)) {
  renew(cluster, limits, std::move(tls));
}

EndpointPools::~EndpointPools() = default;

bool EndpointPools::suit(const config::Cluster& cluster) const {
  return config_.name == cluster.name && config_.tls == cluster.tls &&
         config_.protocol == cluster.protocol && config_.pool == cluster.pool &&
         config_.proxy_protocol == cluster.proxy_protocol;
}

void EndpointPools::renew(const config::Cluster& cluster, const config::Limits& limits,
                          std::shared_ptr<const certs::TlsContext> tls) {
  config_ = without_filters(cluster);
  settings_ = PoolSettings(config_, tls != nullptr);
  dialer_->renew(config_, limits, std::move(tls));
}

base::Ref<Endpoint> EndpointPools::at(const base::Address& address) {
  const auto found =
      std::find_if(endpoints_.begin(), endpoints_.end(),
                   [&](const Endpoint& endpoint) { return endpoint.address == address; });
  if (found != endpoints_.end()) return base::Ref<Endpoint>(*found);
  Endpoint::Owner& owner = *this;
  Pool::Owner& pool_owner = *this;
  Endpoint& made =
      endpoints_.emplace_back(owner, address, state_->at(address.to_string(), loop_.now()));
  const auto make_pool = [this, &made, &pool_owner](std::string preamble) {
    return std::make_unique<Pool>(loop_, settings_, *dialer_, made.address, made.in_flight,
                                  pool_owner, std::move(preamble));
  };
  if (config_.proxy_protocol == config::ProxyProtocol::none)
    made.pool = make_pool({});
  else
    made.by_client =
        std::make_unique<ClientPools>(make_pool, pool_owner, settings_.limits.connections);
  return base::Ref<Endpoint>(made);
}

void EndpointPools::on_unused(Endpoint& endpoint) noexcept {
  const auto found = std::find_if(endpoints_.begin(), endpoints_.end(),
                                  [&](const Endpoint& each) { return &each == &endpoint; });
  if (!endpoint.is_reachable) state_->let_go(*endpoint.state);
  vanished_.splice(vanished_.end(), endpoints_, found);
  endpoint.retire();
}

// It is told and shown alone: nobody would ask one that is left out whether it takes them again.
void EndpointPools::on_datagrams(Endpoint& endpoint, const base::Error* refusal) noexcept {
  if (refusal)
    state_->refused(*endpoint.state, *refusal, loop_.now());
  else if (endpoint.state->has_refused())
    state_->answered(*endpoint.state);
}

void EndpointPools::on_reachability(bool is_seen) {
  for (Endpoint& endpoint : endpoints_) {
    const Outage* outage = endpoint.outage();
    const bool was_reachable = std::exchange(endpoint.is_reachable, outage == nullptr);
    if (was_reachable && outage)
      state_->unreachable(*endpoint.state, outage->error(), loop_.now());
    if (was_reachable || outage) continue;
    endpoint.reachable_since = loop_.now();
    if (is_seen)
      state_->connected(*endpoint.state, loop_.now());
    else
      state_->let_go(*endpoint.state);
  }
  for (Watcher* each = watchers_.front(); each; each = watchers_.after(*each))
    each->on_reachability();
}

void EndpointPools::sweep() {
  vanished_.remove_if([this](const Endpoint& endpoint) {
    const bool is_over = !endpoint.is_used() && endpoint.is_empty();
    if (is_over) gone_ += endpoint.snapshot();
    return is_over;
  });
}

std::vector<EndpointSnapshot> EndpointPools::others_than(const Endpoints& chosen) const {
  std::vector<EndpointSnapshot> others;
  const auto add = [&](const Endpoint& endpoint) {
    const auto is_it = [&](const WeightedEndpoint& each) {
      return each.endpoint.target() == &endpoint;
    };
    if (std::none_of(chosen.begin(), chosen.end(), is_it)) add_vanished(endpoint, others);
  };
  for (const Endpoint& endpoint : endpoints_) add(endpoint);
  for (const Endpoint& endpoint : vanished_) add(endpoint);
  return others;
}

}  // namespace upstream
