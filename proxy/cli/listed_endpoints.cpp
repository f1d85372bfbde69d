#include "proxy/cli/listed_endpoints.hpp"

#include "config/endpoint_list.hpp"
#include "config/load.hpp"

#include <utility>

namespace cli {

ListedEndpoints listed_endpoints(const config::Config& config) {
  ListedEndpoints found;
  for (const config::Cluster& cluster : config.clusters) {
    if (!cluster.discovery || cluster.discovery->file.empty()) continue;
    const std::string& path = cluster.discovery->file;
    const config::Places& places = cluster.discovery->places;
    const auto warn = [&](const std::string& words) {
      const auto place = places.find(path);
      found.warnings.push_back({place == places.end() ? cluster.mark : place->second,
                                config.shown(places, "cluster " + cluster.name + ": " + words)});
    };
    config::FileText file = config::read_file(path, config::most_bytes);
    if (!file.problem.empty()) {
      warn("cannot read " + path + ": " + file.problem + "; until it can be read there is no endpoint");
      continue;
    }
    config::EndpointList list = config::parse_endpoint_list(path, std::move(file.text));
    for (const config::Mistake& mistake : list.mistakes)
      found.problems.push_back(config.shown(places, mistake.to_string()));
    if (!list.mistakes.empty()) continue;
    if (list.endpoints.empty())
      warn(path + " lists no endpoint; until it does requests are answered 503 (no_endpoint)");
    found.by_cluster[cluster.name] = std::move(list.endpoints);
  }
  return found;
}

}  // namespace cli
