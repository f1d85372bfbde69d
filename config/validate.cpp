#include "config/validate.hpp"

#include <map>
#include <set>
#include <unordered_map>

#include "config/filter_spec.hpp"

namespace config {
namespace {

class Validation {
 public:
  Validation(const Config& config, Mistakes& mistakes) : config_(config), mistakes_(mistakes) {
    for (const Cluster& cluster : config.clusters) {
      names_.push_back(cluster.name);
      if (!clusters_.emplace(cluster.name, &cluster).second) twice("cluster", cluster);
    }
    std::map<std::string, const Listener*> listeners;
    for (const Listener& listener : config.listeners)
      if (!listeners.emplace(listener.name, &listener).second) twice("listener", listener);
  }

  void run() {
    if (config_.listeners.empty())
      mistakes_.add({}, config_.file + ": there is no listener: nothing would be served");
    for (const Listener& listener : config_.listeners) check(listener);
    for (const Cluster& cluster : config_.clusters) check_once({&cluster.filters}, "cluster " + cluster.name);
  }

 private:
  template <typename Named>
  void twice(const char* what, const Named& named) {
    std::string first;
    for (const auto& other : list_of(named)) {
      if (other.name != named.name) continue;
      first = other.mark.source->name + ':' + std::to_string(other.mark.line);
      break;
    }
    mistakes_.add(named.mark, std::string("there are two of the ") + what + " \"" + named.name +
                                  "\"; the first is in " + first);
  }
  const std::vector<Cluster>& list_of(const Cluster&) const { return config_.clusters; }
  const std::vector<Listener>& list_of(const Listener&) const { return config_.listeners; }

  void check(const Listener& listener) {
    for (const FilterConfig& filter : listener.filters)
      if (filter.spec->needs_route && filter.spec->needs_route(filter.options.get()))
        mistakes_.add(filter.mark, "on a listener no route or cluster is known yet");
    std::set<std::string> routes;
    for (const Route& route : listener.routes) {
      if (!routes.insert(route.name).second)
        mistakes_.add(route.mark, "a route named \"" + route.name + "\" stands here already");
      check(listener, route);
    }
    check_once({&listener.filters}, "listener " + listener.name);
  }

  void check(const Listener& listener, const Route& route) {
    if (route.to.empty()) check_once({&listener.filters, &route.filters}, "route " + route.name);
    for (const Share& share : route.to) {
      const auto found = clusters_.find(share.cluster);
      if (found == clusters_.end()) {
        mistakes_.add(route.mark, "there is no cluster \"" + share.cluster + "\"" +
                                      did_you_mean(share.cluster, names_));
        continue;
      }
      check_once({&listener.filters, &route.filters, &found->second->filters},
                 "route " + route.name);
    }
  }

  // Told at the last of the doubles, with the place of the first.
  void check_once(const std::vector<const Filters*>& path, const std::string& where) {
    std::map<std::string_view, const FilterConfig*> seen;
    for (const Filters* filters : path) {
      for (const FilterConfig& filter : *filters) {
        if (!filter.spec->is_once_per_path) continue;
        const auto [first, is_new] = seen.emplace(filter.spec->name, &filter);
        if (!is_new && first->second->mark.line != filter.mark.line)
          mistakes_.add(filter.mark, "\"" + filter.name + "\" stands on the path of " + where +
                                         " already, in line " +
                                         std::to_string(first->second->mark.line));
        else if (!is_new)
          mistakes_.add(filter.mark, "\"" + filter.name + "\" stands twice on the path of " + where);
      }
    }
  }

  const Config& config_;
  Mistakes& mistakes_;
  std::vector<std::string_view> names_;
  std::unordered_map<std::string_view, const Cluster*> clusters_;
};

}  // namespace

void validate(const Config& config, Mistakes& mistakes) { Validation(config, mistakes).run(); }

}  // namespace config
