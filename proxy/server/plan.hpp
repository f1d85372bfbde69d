// What control makes of a configuration, doing all that can fail: certificates read, expressions
// compiled, logs opened. Immutable once its listeners have their addresses, and shared by all
// workers, which build their generations from it and cannot fail. Any thread.
#pragma once

#include "certs/store.hpp"
#include "config/model.hpp"
#include "proxy/http/forwarded.hpp"
#include "proxy/observe/access_log.hpp"
#include "proxy/observe/tracer.hpp"
#include "proxy/routing/route_table.hpp"
#include "proxy/server/listener_counts.hpp"
#include "proxy/server/listener_settings.hpp"
#include "proxy/upstream/clusters.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace server {

struct PlannedListener {
  const config::Listener* config;
  std::shared_ptr<const ListenerSettings> settings;  // outlives the plan in connections
  http::ForwardedPolicy forwarded;
  std::string pseudonym;
  std::unique_ptr<const routing::RouteTable> routes;
  std::shared_ptr<const certs::TlsContext> tls;  // as of the start; null = clear
  // As bound, in the order of the configuration; behind them IPv4's that belong to a "[::]" whose
  // socket does not take it.
  std::vector<base::Address> addresses;
  CountsByWorker counts;

  bool is_outbound() const { return config->direction == config::Direction::outbound; }
  bool carries_datagrams() const { return config->udp.has_value(); }
};

struct Plan {
  std::shared_ptr<const config::Config> config;
  int workers = 1;
  std::string digits;  // of this process, in its listeners' pseudonyms
  std::vector<PlannedListener> listeners;
  upstream::TlsContexts cluster_tls;               // as of the start
  upstream::FixedEndpoints endpoints;
  std::shared_ptr<observe::AccessLog> access_log;  // null = none
  std::shared_ptr<observe::Traces> traces;         // null = none
  std::shared_ptr<const certs::TlsContext> trace_tls;  // of its collector; null = clear
  std::string admin_token;                         // what its file holds; "" = none is asked for
  std::vector<config::Mistake> warnings;
};

// How to make a context, at the start and again when its files have changed.
certs::TlsServerSettings tls_settings(const config::Listener& listener);
certs::TlsClientSettings tls_settings(const config::Cluster& cluster);

// The same, saying nothing that came from variables at the places where its files are named.
certs::LoadedContext as_shown(certs::LoadedContext loaded, const config::Config& config,
                              const config::Places& places);

// What is wrong, with its place: the one that is known by that name, or else the other.
std::string told_at(const config::Config& config, const config::Places& places,
                    const std::string& name, const config::Mark& other, const std::string& words);

// A plan, or in words why there is none. Binds nothing.
struct Planned {
  std::unique_ptr<Plan> plan;
  std::vector<std::string> problems;
};
// running: the plan that this one is to take the place of, which it shares logs and counts with.
// Null = none: the process starts.
Planned make_plan(std::shared_ptr<const config::Config> config, const Plan* running = nullptr);

// Opens the access log, unless the plan has it from the one before. Says what is wrong, or "".
std::string open_access_log(Plan& plan);

// Whether that address stands for IPv4's as well: "[::]", unless "0.0.0.0" is bound for itself.
bool takes_ipv4(const base::Address& address, const config::Config& config);

}  // namespace server
