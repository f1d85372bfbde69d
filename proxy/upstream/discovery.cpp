#include "proxy/upstream/discovery.hpp"

#include "proxy/upstream/cluster_discovery.hpp"
#include "proxy/upstream/hash_table.hpp"

#include <algorithm>
#include <utility>

namespace upstream {

bool has_fixed_endpoints(const config::Cluster& cluster) {
  if (cluster.discovery) return false;
  return std::all_of(cluster.endpoints.begin(), cluster.endpoints.end(),
                     [](const config::Endpoint& each) { return fixed_address(each).has_value(); });
}

std::shared_ptr<const EndpointSet> fixed_endpoints(const config::Cluster& cluster) {
  if (cluster.discovery) return nullptr;
  auto set = std::make_shared<EndpointSet>();
  for (const config::Endpoint& endpoint : cluster.endpoints) {
    const std::optional<base::Address> address = fixed_address(endpoint);
    if (!address) return nullptr;
    add(*set, {*address, endpoint.weight, 0, endpoint.zone});
  }
  set->table = HashTable::of(cluster.load_balancer, set->addresses);
  return set;
}

Discovery::Discovery(DiscoveryParts parts, Publish publish)
    : parts_(parts), folders_(parts.loop), publish_(std::move(publish)) {}

Discovery::~Discovery() = default;

void Discovery::follow(const std::vector<const config::Config*>& configs) {
  std::vector<std::pair<const config::Cluster*, const config::Config*>> wanted;
  for (const config::Config* config : configs)
    for (const config::Cluster& cluster : config->clusters)
      if (!has_fixed_endpoints(cluster)) wanted.emplace_back(&cluster, config);
  for (const auto& [cluster, config] : wanted)
    if (std::none_of(clusters_.begin(), clusters_.end(), [of = cluster](const auto& each) {
          return each->names().are_of(*of);
        }))
      add(*cluster, *config);
  std::erase_if(clusters_, [&](const auto& each) {
    return std::none_of(wanted.begin(), wanted.end(), [&](const auto& one) {
      return each->names().are_of(*one.first);
    });
  });
  std::erase_if(failures_, [&](const auto& of) {
    return std::none_of(wanted.begin(), wanted.end(),
                        [&](const auto& one) { return one.first->name == of.first; });
  });
}

void Discovery::add(const config::Cluster& cluster, const config::Config& config) {
  auto made = std::make_unique<ClusterDiscovery>(*this, cluster, config.hidden);
  for (const auto& other : clusters_) made->learn_from(*other);
  failures_.try_emplace(cluster.name);
  clusters_.push_back(std::move(made));
  clusters_.back()->start();
}

bool Discovery::is_settled() const {
  return std::all_of(clusters_.begin(), clusters_.end(),
                     [](const auto& each) { return each->is_settled(); });
}

std::vector<std::shared_ptr<const PublishedEndpoints>> Discovery::published() const {
  std::vector<std::shared_ptr<const PublishedEndpoints>> all;
  for (const auto& each : clusters_)
    if (each->published()) all.push_back(each->published());
  return all;
}

// The latest of a name counts: those before it belong to configurations that end.
std::map<std::string, DiscoverySource> Discovery::sources() const {
  std::map<std::string, DiscoverySource> all;
  for (const auto& each : clusters_)
    if (each->names().discovery) all[each->names().cluster] = each->source();
  return all;
}

}  // namespace upstream
