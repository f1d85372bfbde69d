#include "config/warnings.hpp"

#include "config/filter_spec.hpp"

#include <algorithm>
#include <set>

namespace config {
namespace {

constexpr std::size_t most_comparisons = 1'000'000;  // of routes with each other

bool covers_host(std::string_view wide, std::string_view narrow) {
  if (wide == narrow) return true;
  return wide.starts_with("*.") && narrow.find('.') != narrow.npos &&
         narrow.substr(narrow.find('.')) == wide.substr(1);
}

bool covers_path(std::string_view wide, std::string_view narrow) {
  if (wide == narrow) return true;
  if (!wide.ends_with("/*")) return false;
  const std::string_view prefix = wide.substr(0, wide.size() - 2);
  return narrow.starts_with(prefix) &&
         (narrow.size() == prefix.size() || narrow[prefix.size()] == '/');
}

// Whether each of `narrow` is covered by one of `wide`. Without any, all match.
template <typename Covers>
bool cover(const std::vector<std::string>& wide, const std::vector<std::string>& narrow,
           Covers covers) {
  if (wide.empty()) return true;
  return !narrow.empty() && std::all_of(narrow.begin(), narrow.end(), [&](const std::string& one) {
    return std::any_of(wide.begin(), wide.end(),
                       [&](const std::string& other) { return covers(other, one); });
  });
}

// Whether whatever fulfils `narrow` fulfils `wide`.
bool cover(const NamedValues& wide, const NamedValues& narrow) {
  return std::all_of(wide.begin(), wide.end(), [&](const auto& condition) {
    return std::any_of(narrow.begin(), narrow.end(), [&](const auto& other) {
      return other.first == condition.first &&
             (condition.second == "*" || condition.second == other.second);
    });
  });
}

// Without `method` all match but CONNECT, which is to be named.
bool cover_methods(const std::vector<std::string>& wide, const std::vector<std::string>& narrow) {
  const bool has_connect = std::find(narrow.begin(), narrow.end(), "CONNECT") != narrow.end();
  return !(wide.empty() && has_connect) && cover(wide, narrow, std::equal_to<>());
}

bool covers(const Match& wide, const Match& narrow) {
  if (wide.path_regex != narrow.path_regex && !wide.path_regex.empty()) return false;
  if (wide.is_grpc && !narrow.is_grpc) return false;
  return cover(wide.host, narrow.host, covers_host) && cover(wide.path, narrow.path, covers_path) &&
         cover_methods(wide.method, narrow.method) &&
         cover(wide.headers, narrow.headers) && cover(wide.query, narrow.query);
}

void add_unreachable(const Listener& listener, std::vector<Mistake>& warnings) {
  std::size_t comparisons = 0;
  for (std::size_t i = 1; i < listener.routes.size(); ++i) {
    const Route& route = listener.routes[i];
    const auto end = listener.routes.begin() + static_cast<std::ptrdiff_t>(i);
    if ((comparisons += i) > most_comparisons) return;
    const auto first = std::find_if(listener.routes.begin(), end, [&](const Route& earlier) {
      return covers(earlier.match, route.match);
    });
    if (first != end)
      warnings.push_back({route.mark,
                          "this route is never reached: whatever it matches, the route in "
                          "line " +
                              std::to_string(first->mark.line) +
                              " takes before; the narrower one stands first"});
  }
}

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
    add_unreachable(listener, warnings);
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
