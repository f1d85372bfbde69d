#include "config/validate.hpp"

#include "config/filter_spec.hpp"

#include <algorithm>
#include <set>
#include <unordered_map>

namespace config {
namespace {

constexpr std::size_t most_listed = 8;
constexpr int most_suggestions = 10;  // each looks at all clusters

std::string place_of(const Mark& mark) {
  return (mark.source ? mark.source->name : std::string()) + ':' + std::to_string(mark.line);
}

class Validation {
 public:
  Validation(const Config& config, Mistakes& mistakes) : config_(config), mistakes_(mistakes) {}

  void run() {
    if (config_.listeners.empty() && mistakes_.empty())
      mistakes_.add({}, config_.file + ": there is no listener: nothing would be served");
    are_clusters_known_ = !config_.clusters.empty() || mistakes_.empty();
    for (const Cluster& cluster : config_.clusters) {
      names_.push_back(cluster.name);
      Known& known = clusters_[cluster.name];
      if (known.mark) twice("cluster", cluster, *known.mark);
      known = {&cluster.mark, once_in(cluster.filters), &cluster,
               std::any_of(cluster.filters.begin(), cluster.filters.end(),
                           [](const FilterConfig& each) { return !handover_of(each).empty(); })};
    }
    for (const Cluster& cluster : config_.clusters) {
      check_scopes(cluster);
      check_handovers(cluster.filters);
      check_circles(cluster);
    }
    std::unordered_map<std::string_view, const Mark*> listeners;
    for (const Listener& listener : config_.listeners) {
      const auto [first, is_new] = listeners.emplace(listener.name, &listener.mark);
      if (!is_new) twice("listener", listener, *first->second);
      check(listener);
    }
    check_addresses();
  }

 private:
  using Once = std::vector<const FilterConfig*>;  // that may stand on a path once, each kind once
  struct Known {
    const Mark* mark = nullptr;
    Once once;
    const Cluster* cluster = nullptr;
    bool hands_over = false;  // one of its filters
  };

  template <typename Named> void twice(const char* what, const Named& named, const Mark& first) {
    mistakes_.add(named.mark, std::string("there are two of the ") + what + " \"" + named.name +
                                  "\"; the first is in " + place_of(first));
  }

  void check(const Listener& listener) {
    for (const FilterConfig& filter : listener.filters)
      if (filter.spec->needs_route && filter.spec->needs_route(filter.options.get()))
        mistakes_.add(filter.mark, "on a listener no route or cluster is known yet");
    check_scopes(listener.filters);
    check_handovers(listener.filters);
    const Once above = once_in(listener.filters);
    std::unordered_map<std::string_view, const Mark*> routes;
    for (const Route& route : listener.routes) {
      const auto [first, is_new] = routes.emplace(route.name, &route.mark);
      if (!is_new)
        mistakes_.add(route.mark, "a route named \"" + route.name + "\" stands here already, in " +
                                      place_of(*first->second));
      check(above, route);
      for (const Share& share : route.to) check_bytes(listener, route, share);
      if (route.mirror) check(*route.mirror);
      check_scopes(route.filters);
      check_handovers(route.filters);
      check_paths_over(above, route.filters, route);
    }
    // The same below any of its routes: told at the first.
    if (!listener.routes.empty()) check_paths_over({}, listener.filters, listener.routes.front());
  }

  // Bytes go to clusters of bytes, or to endpoints of which nothing is said, requests never to the
  // former; and datagrams to clusters of datagrams, which take nothing else.
  void check_bytes(const Listener& listener, const Route& route, const Share& share) {
    const auto found = clusters_.find(share.cluster);
    if (found == clusters_.end()) return;
    const Cluster& cluster = *found->second.cluster;
    const bool is_connect = route.match.method == std::vector<std::string>{"CONNECT"};
    if (cluster.is_tcp() && !is_connect)
      mistakes_.add(share.mark, "\"" + cluster.name +
                                    "\" is a tcp:// cluster: bytes go there from a listener with "
                                    "`tcp`, or by a route with `match: { method: CONNECT }`");
    if (cluster.is_udp() != listener.udp.has_value())
      mistakes_.add(share.mark,
                    "\"" + cluster.name + "\" " +
                        (cluster.is_udp() ? "is a udp:// cluster: datagrams go there from a "
                                            "listener with `udp`"
                                          : "takes no datagrams, and a listener with `udp` "
                                            "carries them: write its url as udp://HOST:PORT"));
    if (listener.tcp && cluster.url.starts_with("http"))
      mistakes_.add(share.mark, "\"" + cluster.name +
                                    "\" takes requests, and a listener with `tcp` carries bytes: "
                                    "write its url as tcp://HOST:PORT");
  }

  void check(const Mirror& mirror) {
    if (mirror.to.empty()) return;  // that it is missing was said
    const auto found = clusters_.find(mirror.to);
    if (found == clusters_.end() && are_clusters_known_)
      mistakes_.add(mirror.mark, "there is no cluster \"" + mirror.to + "\"" + suggest(mirror.to));
    if (found == clusters_.end()) return;
    const Cluster& cluster = *found->second.cluster;
    if (cluster.is_tcp() || cluster.is_udp())
      mistakes_.add(mirror.mark, "\"" + mirror.to + "\" is a " +
                                     (cluster.is_tcp() ? "tcp" : "udp") +
                                     ":// cluster, and what is mirrored are requests");
  }

  void check(const Once& listener, const Route& route) {
    const Once own = once_in(route.filters);
    check_path(listener, own, route);
    for (const Share& share : route.to) {
      const auto found = clusters_.find(share.cluster);
      if (found == clusters_.end()) {
        if (are_clusters_known_)
          mistakes_.add(share.mark,
                        "there is no cluster \"" + share.cluster + "\"" + suggest(share.cluster));
        continue;
      }
      check_path(listener, found->second.once, route);
      check_path(own, found->second.once, route);
      if (!found->second.hands_over) continue;
      Once above = listener;
      above.insert(above.end(), own.begin(), own.end());
      check_paths_over(std::move(above), found->second.cluster->filters, route);
    }
  }

  static std::string_view scope_of(const FilterConfig& filter) {
    return filter.spec->scope ? filter.spec->scope(filter.options.get()) : std::string_view();
  }

  // Of filters that do not stand in a cluster's list.
  void check_scopes(const Filters& filters) {
    for (const FilterConfig& filter : filters)
      if (!scope_of(filter).empty())
        mistakes_.add(filter.mark, "`scope` has a sense in a cluster's list only: elsewhere leave "
                                   "it out");
  }

  // Where several attempts are made below it, what knows endpoints is asked for none of them.
  void check_scopes(const Cluster& cluster) {
    const FilterConfig* above = nullptr;
    for (const FilterConfig& filter : cluster.filters) {
      if (scope_of(filter) == "endpoint") above = &filter;
      if (above && filter.name == "retry")
        mistakes_.add(above->mark, "\"" + above->name +
                                       "\" with `scope: endpoint` goes by attempts: write it below "
                                       "the retry, which stands in " +
                                       place_of(filter.mark));
    }
  }

  static std::string_view handover_of(const FilterConfig& filter) {
    return filter.spec->hands_over_to ? filter.spec->hands_over_to(filter.options.get())
                                      : std::string_view();
  }

  void check_handovers(const Filters& filters) {
    for (const FilterConfig& filter : filters) {
      const std::string_view to = handover_of(filter);
      const auto found = clusters_.find(to);
      if (to.empty()) continue;
      if (found == clusters_.end()) {
        if (are_clusters_known_)
          mistakes_.add(filter.mark,
                        "there is no cluster \"" + std::string(to) + "\"" + suggest(to));
      } else if (const Cluster& cluster = *found->second.cluster;
                 cluster.is_tcp() || cluster.is_udp()) {
        mistakes_.add(filter.mark,
                      "\"" + std::string(to) + "\" is a " +
                          (cluster.is_tcp() ? "tcp:// cluster, which takes bytes"
                                            : "udp:// cluster, which takes datagrams") +
                          ": name one that takes requests");
      }
    }
  }

  // Handed over from cluster to cluster a request would never come to an end.
  void check_circles(const Cluster& cluster) {
    for (const FilterConfig& filter : cluster.filters) {
      std::vector<std::string_view> reached = {handover_of(filter)};
      for (std::size_t i = 0; i < reached.size(); ++i) {
        const auto found = clusters_.find(reached[i]);
        if (found == clusters_.end()) continue;
        if (reached[i] == cluster.name) {
          mistakes_.add(filter.mark, "\"" + filter.name + "\" leads back to the cluster \"" +
                                         cluster.name + "\" in which it stands");
          break;
        }
        for (const FilterConfig& next : found->second.cluster->filters)
          if (const std::string_view to = handover_of(next);
              std::find(reached.begin(), reached.end(), to) == reached.end())
            reached.push_back(to);
      }
    }
  }

  // What stands above a filter that hands over stands above the other cluster's filters too.
  void check_paths_over(Once above, const Filters& filters, const Route& route) {
    for (const FilterConfig& filter : filters) {
      const auto other = clusters_.find(handover_of(filter));
      if (other != clusters_.end()) check_path(above, other->second.once, route);
      if (filter.spec->is_once_per_path) above.push_back(&filter);
    }
  }

  // What was probably meant, or what there is.
  std::string suggest(std::string_view cluster) {
    if (suggestions_++ >= most_suggestions) return {};
    std::string near = did_you_mean(cluster, names_);
    if (!near.empty() || names_.size() > most_listed) return near;
    for (const std::string_view name : names_)
      near += (near.empty() ? ": there is \"" : ", \"") + std::string(name) + '"';
    return near.empty() ? ": write it below `clusters`" : near;
  }

  Once once_in(const Filters& filters) {
    Once once;
    for (const FilterConfig& filter : filters) {
      if (!filter.spec->is_once_per_path) continue;
      if (const FilterConfig* first = of_kind(once, filter))
        mistakes_.add(filter.mark, "\"" + filter.name + "\" stands twice in this list: it may " +
                                       "stand once on a path; the first is in " +
                                       place_of(first->mark));
      else
        once.push_back(&filter);
    }
    return once;
  }

  static const FilterConfig* of_kind(const Once& once, const FilterConfig& filter) {
    for (const FilterConfig* other : once)
      if (other->spec == filter.spec) return other;
    return nullptr;
  }

  // Told at the lower of the two, with the place of the upper one.
  void check_path(const Once& above, const Once& below, const Route& route) {
    for (const FilterConfig* filter : below)
      if (const FilterConfig* first = of_kind(above, *filter);
          first && told_.emplace(first, filter).second)
        mistakes_.add(filter->mark, "\"" + filter->name +
                                        "\" may stand once on a path, and on that " +
                                        "of route \"" + route.name + "\" it stands in " +
                                        place_of(first->mark) + " too");
  }

  void check_addresses() {
    std::unordered_map<std::string, std::string> users;
    const auto use = [&](const base::Address& address, const std::string& who, const Mark& mark) {
      if (address.is_ip() && address.port() == 0) return;
      const auto [first, is_new] = users.emplace(address.to_string(), who);
      if (!is_new)
        mistakes_.add(
            mark, "this address is bound already, by " + first->second + ": write another port");
    };
    if (config_.admin) use(config_.admin->bind, "admin", {});
    if (config_.admin && !config_.admin->probes.is_none())
      use(config_.admin->probes, "admin.probes", config_.admin->places.at("probes"));
    for (const Listener& listener : config_.listeners)
      for (const base::Address& address : listener.bind)
        use(address, "listener \"" + listener.name + '"', listener.places.at(address.to_string()));
  }

  const Config& config_;
  Mistakes& mistakes_;
  std::vector<std::string_view> names_;
  std::unordered_map<std::string_view, Known> clusters_;
  bool are_clusters_known_ = true;  // not if what says them could not be read
  int suggestions_ = 0;
  std::set<std::pair<const FilterConfig*, const FilterConfig*>> told_;  // once, not for each route
};

}  // namespace

void validate(const Config& config, Mistakes& mistakes) {
  Validation(config, mistakes).run();
}

}  // namespace config
