// What control makes of a configuration, doing all that can fail: certificates read, expressions
// compiled, sockets bound. Immutable, and shared by all workers, which build their objects from it
// and cannot fail. Any thread.
#pragma once

#include "certs/store.hpp"
#include "config/model.hpp"
#include "proxy/routing/route_table.hpp"
#include "proxy/server/listener.hpp"
#include "proxy/upstream/clusters.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace server {

struct PlannedListener {
  const config::Listener* config;
  ListenerSettings settings;
  http::ForwardedPolicy forwarded;
  std::string pseudonym;
  std::unique_ptr<const routing::RouteTable> routes;
  std::shared_ptr<const certs::Context> tls;  // as of the start; null = clear
  std::vector<base::Address> addresses;       // as bound
  std::vector<std::vector<Bound>> sockets;    // by worker; each takes its own

  bool is_outbound() const { return config->direction == config::Direction::outbound; }
};

struct Plan {
  std::shared_ptr<const config::Config> config;
  int workers = 1;
  std::vector<PlannedListener> listeners;
  upstream::TlsContexts cluster_tls;  // as of the start
  std::vector<config::Mistake> warnings;
};

// How to make a context, at the start and again when its files have changed.
certs::ServerSettings tls_settings(const config::Listener& listener);
certs::ClientSettings tls_settings(const config::Cluster& cluster);

// A plan, or in words why there is none. Binds nothing.
struct Planned {
  std::unique_ptr<Plan> plan;
  std::vector<std::string> problems;
};
Planned make_plan(std::shared_ptr<const config::Config> config);

// Binds all listeners, for all workers. Says what is wrong, or "".
std::string bind_listeners(Plan& plan);

}  // namespace server
