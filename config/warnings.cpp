#include "config/warnings.hpp"

#include "config/filter_spec.hpp"
#include "config/unreachable.hpp"

#include <set>
#include <string_view>
#include <utility>

namespace config {
namespace {

// Clusters that these filters hand over to.
void add_handovers(const Filters& filters, std::set<std::string_view>& into) {
  for (const FilterConfig& filter : filters)
    if (filter.spec->hands_over_to) into.insert(filter.spec->hands_over_to(filter.options.get()));
}

}  // namespace

std::vector<Mistake> warnings_of(const Config& config) {
  std::vector<Mistake> warnings;
  std::set<std::string_view> used;
  for (const Listener& listener : config.listeners) {
    for (Mistake& warning : unreachable_routes(listener)) warnings.push_back(std::move(warning));
    add_handovers(listener.filters, used);
    for (const Route& route : listener.routes) {
      add_handovers(route.filters, used);
      for (const Share& share : route.to) used.insert(share.cluster);
      if (route.mirror) used.insert(route.mirror->to);
    }
  }
  if (config.trace && config.trace->port == 4317)
    warnings.push_back({config.trace->mark,
                        "trace: port 4317 is usually that of gRPC, and spans are sent in JSON over "
                        "HTTP, for which it is 4318"});
  if (config.trace && config.trace->tls && config.trace->tls->insecure)
    warnings.push_back({config.trace->tls->places.at("insecure"),
                        "trace: insecure: the certificate of the collector is not verified"});
  for (const Cluster& cluster : config.clusters) add_handovers(cluster.filters, used);
  for (const Cluster& cluster : config.clusters) {
    if (!used.contains(cluster.name))
      warnings.push_back({cluster.mark, "no route leads to the cluster \"" + cluster.name + '"'});
    if (cluster.tls && cluster.tls->insecure)
      warnings.push_back({cluster.tls->places.at("insecure"),
                          "cluster " + cluster.name +
                              ": insecure: certificates of its endpoints are not verified"});
    const bool hashes = cluster.load_balancer == Balancing::ring_hash ||
                        cluster.load_balancer == Balancing::maglev;
    if (hashes && !cluster.hash_on)
      warnings.push_back({cluster.mark, "cluster " + cluster.name +
                                            ": without `hash_on` its load_balancer has nothing to "
                                            "hash, and chooses by chance"});
  }
  return warnings;
}

}  // namespace config
