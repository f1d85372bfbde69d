#include "proxy/server/runtime.hpp"

#include "filters/registry.hpp"

#include <algorithm>

namespace server {
namespace {

bool has_timeout(const config::Filters& filters) {
  return std::any_of(filters.begin(), filters.end(),
                     [](const config::FilterConfig& filter) { return filter.name == "timeout"; });
}

}  // namespace

Runtime::Runtime(base::EventLoop& loop, int worker, const Plan& plan, Shared& shared,
                 const AllCounts& counts)
    : loop_(loop),
      worker_(worker),
      plan_(plan),
      shared_(shared),
      lingering_(loop),
      handshake_turns_(loop),
      metrics_(shared.metrics, static_cast<std::size_t>(worker)),
      pools_(loop, upstream::net_dialers(loop)),
      clusters_(pools_, *plan.config, plan.cluster_tls) {
  make_cluster_chains();
  for (std::size_t i = 0; i < plan.listeners.size(); ++i) {
    const PlannedListener& listener = plan.listeners[i];
    chains_.push_back(make_listener_chain(listener));
    listeners_.push_back(std::make_unique<Listener>(
        loop, lingering_, handshake_turns_, shared.admission, listener.settings,
        front_of(listener, *chains_.back().chain, *counts[i])));
    listeners_.back()->set_tls(listener.tls);
  }
  for (std::size_t i = 0; i < listeners_.size(); ++i)
    listeners_[i]->accept_on(plan.listeners[i].sockets[static_cast<std::size_t>(worker)]);
}

Runtime::~Runtime() = default;

Runtime::Filters Runtime::make_filters(const config::Filters& wanted, const std::string& place) {
  Filters made;
  for (const config::FilterConfig& filter : wanted)
    made.push_back(
        filters::make(filter, {place, filter.ordinal, loop_, shared_.filter_state, shared_.metrics,
                               static_cast<std::size_t>(worker_), shared_.log}));
  return made;
}

void Runtime::make_cluster_chains() {
  for (std::size_t i = 0; i < plan_.config->clusters.size(); ++i) {
    const config::Cluster& cluster = plan_.config->clusters[i];
    auto attempts = std::make_unique<AttemptCounter>(
        cluster.name, clusters_.forward(i), shared_.metrics, static_cast<std::size_t>(worker_));
    auto chain = std::make_unique<http::Chain>(
        make_filters(cluster.filters, "cluster " + cluster.name), *attempts);
    cluster_chains_.push_back(
        {std::move(attempts), std::move(chain), has_timeout(cluster.filters)});
  }
}

Runtime::ListenerChain Runtime::make_listener_chain(const PlannedListener& listener) {
  ListenerChain made;
  std::vector<routing::RouteChain> routes;
  for (std::size_t i = 0; i < listener.routes->size(); ++i)
    routes.push_back(make_route_chain(listener, i));
  made.routes = std::make_unique<routing::RouteHandler>(*listener.routes, std::move(routes));
  made.chain = std::make_unique<http::Chain>(
      make_filters(listener.config->filters, "listener " + listener.config->name), *made.routes);
  return made;
}

routing::RouteChain Runtime::make_route_chain(const PlannedListener& listener, std::size_t number) {
  const routing::RouteEntry& route = (*listener.routes)[number];
  routing::RouteChain made;
  if (route.config->respond) {
    made.last = std::make_unique<routing::RespondHandler>(*route.config->respond);
  } else if (route.config->redirect) {
    made.last =
        std::make_unique<routing::RedirectHandler>(route, listener.routes->router().match(number));
  } else {
    std::unique_ptr<routing::TargetHandler> targets = make_targets(listener, *route.config);
    made.targets = targets.get();
    made.last = std::move(targets);
  }
  made.filtered = std::make_unique<http::Chain>(
      make_filters(route.config->filters,
                   "route " + listener.config->name + "/" + route.config->name),
      *made.last);
  if (made.targets && made.targets->needs_default_timeout()) {
    std::vector<std::unique_ptr<http::Filter>> timeout;
    timeout.push_back(filters::make_default_timeout());
    made.timed = std::make_unique<http::Chain>(std::move(timeout), *made.filtered);
  }
  return made;
}

std::unique_ptr<routing::TargetHandler> Runtime::make_targets(const PlannedListener& listener,
                                                              const config::Route& route) {
  const bool is_timed = has_timeout(listener.config->filters) || has_timeout(route.filters);
  const std::vector<config::Cluster>& clusters = plan_.config->clusters;
  std::vector<routing::Target> targets;
  for (const config::Share& share : route.to) {
    const auto found =
        std::find_if(clusters.begin(), clusters.end(),
                     [&](const config::Cluster& each) { return each.name == share.cluster; });
    const ClusterChain& chain = cluster_chains_[static_cast<std::size_t>(found - clusters.begin())];
    targets.push_back(
        {found->name, share.parts, chain.chain.get(), !is_timed && !chain.has_timeout});
  }
  return std::make_unique<routing::TargetHandler>(std::move(targets));
}

Front Runtime::front_of(const PlannedListener& listener, http::Handler& chain,
                        ListenerCounts& counts) {
  Front front{loop_, chain, shared_.admission, metrics_, nullptr, counts};
  if (shared_.access_log) front.log = &shared_.access_log->queue(worker_);
  front.handshake_failures =
      std::make_unique<HandshakeFailures>(loop_, listener.config->name, shared_.log,
                                          shared_.metrics, static_cast<std::size_t>(worker_));
  front.name = listener.config->name;
  front.service = plan_.config->node.service;
  front.is_outbound = listener.is_outbound();
  front.normalizes_path = listener.config->normalize_path;
  front.rejects_encoded_slash = listener.config->reject_encoded_slash;
  front.forwarded = listener.forwarded;
  front.pseudonym = listener.pseudonym;
  front.via_http1 = "1.1 " + listener.pseudonym;
  front.via_h2 = "2 " + listener.pseudonym;
  return front;
}

void Runtime::set_tls(std::size_t listener, std::shared_ptr<const certs::Context> context) {
  listeners_[listener]->set_tls(std::move(context));
}

void Runtime::accept(bool is_wanted) {
  for (const auto& listener : listeners_) is_wanted ? listener->resume() : listener->pause();
}

void Runtime::drain(bool outbound) {
  for (std::size_t i = 0; i < listeners_.size(); ++i)
    if (plan_.listeners[i].is_outbound() == outbound) listeners_[i]->drain();
}

std::size_t Runtime::cut() {
  std::size_t count = 0;
  for (const auto& listener : listeners_) count += listener->cut();
  return count;
}

bool Runtime::is_idle() const {
  for (const auto& listener : listeners_)
    if (listener->connections() > 0) return false;
  return lingering_.empty();
}

}  // namespace server
