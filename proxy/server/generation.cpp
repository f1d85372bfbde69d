#include "proxy/server/generation.hpp"

#include "config/place_name.hpp"
#include "proxy/server/mirror_filter.hpp"

#include <algorithm>
#include <cassert>

namespace server {
namespace {

bool has_timeout(const config::Filters& filters) {
  return std::any_of(filters.begin(), filters.end(),
                     [](const config::FilterConfig& filter) { return filter.name == "timeout"; });
}

// In one turn of the loop: a chain with filters costs some microseconds, one that is shared a few
// hundredths of that.
constexpr std::size_t most_work = 512;
constexpr std::size_t work_of_chain = 16;

// All that it does is to hand on to one cluster.
bool is_plain(const config::Route& route) {
  return route.to.size() == 1 && route.filters.empty() && !route.mirror;
}

}  // namespace

Generation::Generation(const WorkerParts& worker, std::shared_ptr<const Plan> plan, Owner& owner)
    : worker_(worker),
      plan_(std::move(plan)),
      owner_(owner),
      alive_(worker.shared.metrics.gauge("outrider_generations",
                                         "Configurations in use, each counted once a worker.", {})),
      metrics_(worker.shared.metrics, worker.index),
      clusters_(worker.pools, *plan_->config, plan_->cluster_tls, plan_->endpoints) {
  make_cluster_chains();
  for (const PlannedListener& listener : plan_->listeners)
    listeners_.push_back(make_listener_chain(listener));
  alive_.add(1);
}

bool Generation::build() {
  std::size_t left = most_work;
  for (; building_ < listeners_.size(); ++building_) {
    if (!build_routes(building_, left)) return false;
    plain_.clear();
  }
  return true;
}

bool Generation::dismantle() noexcept {
  std::size_t left = most_work / work_of_chain;
  for (const auto& listener : listeners_)
    for (; listener->routes->count() > 0; --left) {
      if (left == 0) return false;
      listener->routes->drop_last();
    }
  return true;
}

Generation::~Generation() {
  alive_.add(-1);
}

Generation::Filters Generation::make_filters(const config::Filters& wanted,
                                             const std::string& place,
                                             std::string_view without) {
  Filters made;
  for (const config::FilterConfig& filter : wanted) {
    if (filter.name == without) continue;
    made.push_back(
        filters::make(filter, {place, filter.ordinal, worker_.loop, worker_.shared.filter_state,
                               worker_.shared.metrics, worker_.index, worker_.shared.log,
                               filter.fields, static_cast<std::size_t>(plan_->workers), this,
                               worker_.executor}));
  }
  return made;
}

Generation::Filters Generation::make_route_filters(const PlannedListener& listener,
                                                   const config::Route& route) {
  Filters made;
  if (!route.filters.empty())
    made = make_filters(route.filters, config::place_name(*listener.config, route));
  if (!route.mirror) return made;
  const MirrorFilter::Place place{worker_.mirrors, *this, shadow_of(cluster(route.mirror->to)),
                                  tracer(), listener.config->name, route.name};
  made.push_back(std::make_unique<MirrorFilter>(*route.mirror, place, worker_.shared.metrics,
                                                worker_.index));
  return made;
}

http::Handler& Generation::shadow_of(ClusterChain& cluster) {
  if (cluster.shadow) return *cluster.shadow;
  Filters made = make_filters(cluster.config.filters, config::place_name(cluster.config), "retry");
  if (!cluster.has_timeout) made.insert(made.begin(), filters::make_default_timeout());
  cluster.shadow = std::make_unique<http::Chain>(std::move(made), cluster.attempts);
  return *cluster.shadow;
}

void Generation::make_cluster_chains() {
  for (const config::Cluster& config : plan_->config->clusters) {
    ClusterChain& made =
        cluster_chains_
            .try_emplace(config.name, config, clusters_.forward_to(config.name),
                         worker_.shared.metrics, worker_.index)
            .first->second;
    made.chain = std::make_unique<http::Chain>(
        make_filters(config.filters, config::place_name(config)), made.attempts);
    made.has_timeout = has_timeout(config.filters);
  }
}

std::unique_ptr<Generation::ListenerChain> Generation::make_listener_chain(
    const PlannedListener& listener) {
  auto handler = std::make_unique<routing::RouteHandler>(*listener.routes);
  auto chain = std::make_unique<http::Chain>(
      make_filters(listener.config->filters, config::place_name(*listener.config)), *handler);
  ListenerPolicy policy = policy_of(listener, *chain);
  return std::make_unique<ListenerChain>(
      ListenerChain{std::move(handler), std::move(chain), std::move(policy)});
}

// The plain ones of a cluster share a chain. False: there was not enough `left` to do for all.
bool Generation::build_routes(std::size_t number, std::size_t& left) {
  const PlannedListener& listener = plan_->listeners[number];
  routing::RouteHandler& routes = *listeners_[number]->routes;
  while (!routes.has_all()) {
    const config::Route& route = *(*listener.routes)[routes.count()].config;
    const bool is_shared = is_plain(route);
    const std::size_t work = is_shared ? 1 : work_of_chain;
    if (left < work) return false;
    left -= work;
    if (!is_shared) {
      routes.add(make_route_chain(listener, routes.count()));
      continue;
    }
    std::shared_ptr<const routing::RouteChain>& shared = plain_[route.to[0].cluster];
    if (!shared) shared = make_route_chain(listener, routes.count());
    routes.add(shared);
  }
  return true;
}

std::shared_ptr<const routing::RouteChain> Generation::make_route_chain(
    const PlannedListener& listener, std::size_t number) {
  const routing::RouteEntry& route = (*listener.routes)[number];
  routing::RouteChain made;
  if (route.config->respond) {
    made.last = std::make_unique<routing::RespondHandler>(*route.config->respond);
  } else if (route.config->redirect) {
    made.last =
        std::make_unique<routing::RedirectHandler>(route, listener.routes->router().match(number));
  } else {
    auto clusters = make_cluster_handler(listener, *route.config);
    made.clusters = clusters.get();
    made.last = std::move(clusters);
  }
  made.filtered =
      std::make_unique<http::Chain>(make_route_filters(listener, *route.config), *made.last);
  if (made.clusters && made.clusters->needs_default_timeout()) {
    std::vector<std::unique_ptr<http::Filter>> timeout;
    timeout.push_back(listener.config->tcp ? filters::make_idle_timeout(listener.config->tcp->idle)
                                           : filters::make_default_timeout());
    made.timed = std::make_unique<http::Chain>(std::move(timeout), *made.filtered);
  }
  return std::make_shared<const routing::RouteChain>(std::move(made));
}

std::unique_ptr<routing::ClusterHandler> Generation::make_cluster_handler(
    const PlannedListener& listener, const config::Route& route) {
  const bool is_tcp = listener.config->tcp.has_value();  // `idle` always holds
  const bool is_timed = has_timeout(listener.config->filters) || has_timeout(route.filters) ||
                        listener.carries_datagrams();  // a session ends by its own `idle`
  std::vector<routing::WeightedCluster> shares;
  for (const config::Share& share : route.to) {
    const ClusterChain& to = cluster(share.cluster);
    shares.push_back({to.config.name, share.parts, to.chain.get(),
                      is_tcp || (!is_timed && !to.has_timeout)});
  }
  return std::make_unique<routing::ClusterHandler>(std::move(shares));
}

Generation::ClusterChain& Generation::cluster(std::string_view name) {
  const auto found = cluster_chains_.find(name);
  assert(found != cluster_chains_.end() && "the loader knows all names");
  return found->second;
}

http::Handler& Generation::chain_of(std::string_view name) {
  return *cluster(name).chain;
}

std::uint32_t Generation::memory_in_use() const {
  const Admission& admission = worker_.shared.admission;
  const std::size_t limit = std::max<std::size_t>(admission.memory_limit(), 1);
  const std::size_t share = admission.memory_in_use() / (limit / 10'000 + 1);
  return static_cast<std::uint32_t>(std::min<std::size_t>(share, UINT32_MAX));
}

observe::Tracer* Generation::tracer() const {
  return plan_->traces ? &plan_->traces->of(static_cast<int>(worker_.index)) : nullptr;
}

ListenerPolicy Generation::policy_of(const PlannedListener& listener, http::Handler& chain) {
  Shared& shared = worker_.shared;
  ListenerPolicy policy{worker_.loop, &chain,  shared.admission,
                        metrics_,     nullptr, listener.counts[worker_.index]};
  if (listener.config->carries_requests()) policy.tracer = tracer();
  if (plan_->access_log) policy.log = &plan_->access_log->queue(static_cast<int>(worker_.index));
  policy.lost_clients = worker_.lost_clients.of(listener.config->name);
  policy.spectators = &shared.spectators;
  policy.name = listener.config->name;
  policy.service = plan_->config->node.service;
  policy.request_id_field = filters::request_id_field(listener.config->filters);
  policy.is_outbound = listener.is_outbound();
  policy.normalizes_path = listener.config->normalize_path;
  policy.rejects_encoded_slash = listener.config->reject_encoded_slash;
  policy.forwarded = listener.forwarded;
  policy.pseudonym = listener.pseudonym;
  policy.via_http1 = "1.1 " + listener.pseudonym;
  policy.via_h2 = "2 " + listener.pseudonym;
  return policy;
}

}  // namespace server
