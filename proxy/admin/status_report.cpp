#include "proxy/admin/status_report.hpp"

#include "config/place_name.hpp"
#include "proxy/base/json.hpp"
#include "proxy/base/log.hpp"

#include <algorithm>
#include <map>

namespace admin {
namespace {

void add(upstream::PoolSnapshot& sum, const upstream::PoolSnapshot& pool) {
  static_cast<upstream::PoolCounts&>(sum) += pool;
  static_cast<upstream::PoolGauges&>(sum) += pool;
}

void write_counts(base::JsonWriter& json, const upstream::PoolSnapshot& pool) {
  json.number("connections", pool.open).number("idle", pool.idle);
  json.number("connecting", pool.connecting).number("tunnels", pool.tunnels);
  json.number("streams", pool.active).number("pending", pool.pending);
  json.number("tls_failures", pool.tls_failures);
  json.number("requests", pool.requests).number("connect_timeouts", pool.connect_timeouts);
  json.number("reused", pool.reused).number("connects", pool.connects);
  json.number("connect_failures", pool.connect_failures).number("pool_full", pool.refused);
}

void write_worker(base::JsonWriter& json, std::size_t worker, const upstream::PoolSnapshot& pool) {
  json.open('{').number("worker", worker);
  write_counts(json, pool);
  json.key("open").open('[');
  for (const upstream::ConnectionSnapshot& connection : pool.connections) {
    json.open('{').key("protocol").text(connection.protocol);
    json.number("streams", connection.streams).number("requests", connection.requests).close('}');
  }
  json.close(']').close('}');
}

// One endpoint as all workers see it.
struct Seen {
  std::uint32_t weight = 1;
  bool is_vanished = true;
  std::string_view zone;
  std::string_view health;  // "" = nobody chooses from it any more
  std::string_view failure;
  base::Duration ejected_for{};
  upstream::PoolSnapshot sum;
  std::vector<std::pair<std::size_t, const upstream::PoolSnapshot*>> by_worker;
};

std::map<std::string, Seen> endpoints_of(std::string_view name, const Snapshots& snapshots) {
  std::map<std::string, Seen> all;
  for (std::size_t worker = 0; worker < snapshots.size(); ++worker) {
    const upstream::ClusterSnapshot* cluster = snapshot_of(name, snapshots[worker]);
    if (!cluster) continue;
    for (const upstream::EndpointSnapshot& endpoint : cluster->endpoints) {
      Seen& seen = all[endpoint.address];
      seen.weight = endpoint.weight;
      seen.is_vanished = seen.is_vanished && endpoint.is_vanished;
      if (!endpoint.is_vanished) {
        seen.zone = endpoint.zone;
        seen.health = endpoint.health;
        if (!endpoint.failure.empty()) seen.failure = endpoint.failure;
        seen.ejected_for = endpoint.ejected_for;
      }
      add(seen.sum, endpoint.pool);
      seen.by_worker.emplace_back(worker, &endpoint.pool);
    }
  }
  return all;
}

std::string_view protocol_of(const Seen& seen) {
  for (const auto& [worker, pool] : seen.by_worker)
    if (!pool->connections.empty()) return pool->connections.front().protocol;
  return {};
}

void write_endpoint(base::JsonWriter& json, const std::string& address, const Seen& seen) {
  json.open('{').key("address").text(address).number("weight", seen.weight);
  if (seen.is_vanished) json.boolean("vanished", true);
  if (!seen.health.empty()) json.key("health").text(seen.health);
  if (seen.health == "ejected")
    json.number("ejected_for_ms", static_cast<std::uint64_t>(seen.ejected_for / base::Millis{1}));
  if (!seen.failure.empty()) json.key("failure").text(seen.failure);
  if (!seen.zone.empty()) json.key("zone").text(seen.zone);
  if (const std::string_view protocol = protocol_of(seen); !protocol.empty())
    json.key("protocol").text(protocol);
  write_counts(json, seen.sum);
  json.key("workers").open('[');
  for (const auto& [worker, pool] : seen.by_worker) write_worker(json, worker, *pool);
  json.close(']').close('}');
}

std::string_view failure_of(std::string_view name, const Snapshots& snapshots) {
  for (const auto& worker : snapshots)
    if (const upstream::ClusterSnapshot* cluster = snapshot_of(name, worker);
        cluster && !cluster->failure.empty())
      return cluster->failure;
  return {};
}

bool is_panicking(std::string_view name, const Snapshots& snapshots) {
  return std::any_of(snapshots.begin(), snapshots.end(), [name](const auto& worker) {
    const upstream::ClusterSnapshot* cluster = snapshot_of(name, worker);
    return cluster && cluster->is_panicking;
  });
}

void write_breaker(base::JsonWriter& json, const filters::BreakerStatus& breaker,
                   const base::Loop& clock) {
  json.open('{').key("place").text(breaker.place).key("state").text(breaker.state);
  if (breaker.mode != "auto") json.key("mode").text(breaker.mode);
  if (breaker.since != base::Time{})
    json.key("since").text(base::timestamp(clock.wall(breaker.since)));
  if (breaker.until != base::never)
    json.key("until").text(base::timestamp(clock.wall(breaker.until)));
  json.number("requests", breaker.requests).number("failures", breaker.failures);
  if (breaker.slow > 0) json.number("slow", breaker.slow);
  json.close('}');
}

// The first of a place is told by its state alone as well, which is what most look for.
void write_breakers(base::JsonWriter& json, const std::string& place, const Breakers& breakers,
                    const base::Loop& clock) {
  const auto is_here = [&place](const filters::BreakerStatus& breaker) {
    return breaker.place == place || breaker.place.starts_with(place + '#') ||
           breaker.place.starts_with(place + '/');
  };
  if (std::none_of(breakers.begin(), breakers.end(), is_here)) return;
  for (const filters::BreakerStatus& breaker : breakers)
    if (breaker.place == place) json.key("breaker").text(breaker.state);
  json.key("breakers").open('[');
  for (const filters::BreakerStatus& breaker : breakers)
    if (is_here(breaker)) write_breaker(json, breaker, clock);
  json.close(']');
}

// Those of listeners and routes, which may stand before any cluster.
void write_other_breakers(base::JsonWriter& json, const Breakers& breakers,
                          const base::Loop& clock) {
  json.key("breakers").open('[');
  for (const filters::BreakerStatus& breaker : breakers)
    if (!breaker.place.starts_with("cluster ")) write_breaker(json, breaker, clock);
  json.close(']');
}

}  // namespace

const upstream::ClusterSnapshot* snapshot_of(std::string_view cluster,
                                             const std::vector<upstream::ClusterSnapshot>& worker) {
  const auto found =
      std::find_if(worker.begin(), worker.end(),
                   [&](const upstream::ClusterSnapshot& each) { return each.name == cluster; });
  return found == worker.end() ? nullptr : &*found;
}

std::string clusters_json(const server::Plan& plan, const ClustersSeen& seen,
                          const base::Loop& clock) {
  const auto& [snapshots, breakers, sources] = seen;
  base::JsonWriter json;
  json.open('{').key("clusters").open('[');
  for (const config::Cluster& cluster : plan.config->clusters) {
    const std::map<std::string, Seen> endpoints = endpoints_of(cluster.name, snapshots);
    upstream::PoolSnapshot sum;
    for (const auto& [address, endpoint] : endpoints) add(sum, endpoint.sum);
    json.open('{').key("name").text(cluster.name);
    if (const std::string_view failure = failure_of(cluster.name, snapshots); !failure.empty())
      json.key("failure").text(failure);
    if (const auto source = sources.find(cluster.name);
        source != sources.end() && !source->second.problem.empty())
      json.key("discovery_problem").text(source->second.problem);
    if (is_panicking(cluster.name, snapshots)) json.boolean("panic", true);
    write_breakers(json, config::place_name(cluster), breakers, clock);
    write_counts(json, sum);
    json.key("endpoints").open('[');
    for (const auto& [address, endpoint] : endpoints) write_endpoint(json, address, endpoint);
    json.close(']').close('}');
  }
  json.close(']');
  write_other_breakers(json, breakers, clock);
  return json.close('}').take();
}

std::string stats_json(const server::Plan& plan, const ProcessStatus& status) {
  base::JsonWriter json;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(status.uptime).count();
  json.open('{').number("uptime_seconds", static_cast<std::uint64_t>(seconds));
  json.number("workers", static_cast<std::uint64_t>(plan.workers));
  json.boolean("draining", status.is_draining);
  json.number("connections", status.connections);
  json.key("memory").open('{').number("in_use", status.memory_in_use);
  json.number("limit", status.memory_limit).close('}');
  json.number("access_log_dropped", status.log_lines_dropped);
  if (!status.admin.empty()) json.key("admin").text(status.admin);
  json.key("listeners").open('[');
  for (std::size_t i = 0; i < plan.listeners.size(); ++i) {
    const server::PlannedListener& listener = plan.listeners[i];
    json.open('{').key("name").text(listener.config->name);
    json.key("direction").text(listener.is_outbound() ? "outbound" : "inbound");
    json.key("addresses").open('[');
    for (const base::Address& address : listener.addresses) json.text(address.to_string());
    json.close(']');
    json.number("connections", static_cast<std::uint64_t>(status.listeners[i].connections));
    json.number("exchanges", static_cast<std::uint64_t>(status.listeners[i].exchanges)).close('}');
  }
  return json.close(']').close('}').take();
}

}  // namespace admin
