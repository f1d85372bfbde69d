#include "config/unreachable.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace config {
namespace {

constexpr std::size_t most_comparisons = 1'000'000;  // of routes with each other
constexpr std::size_t most_pairs = 16;               // of a host and a path, of one route
constexpr std::size_t most_depth = 64;               // of a path

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

// Those that a route that covers another may be found under, "" = any.
std::vector<std::string> wider_hosts(const std::vector<std::string>& narrow) {
  std::vector<std::string> hosts{""};
  if (narrow.empty()) return hosts;
  const std::string& host = narrow.front();
  hosts.push_back(host);
  const auto dot = host.find('.');
  if (dot != host.npos && !host.starts_with('*')) hosts.push_back('*' + host.substr(dot));
  return hosts;
}

std::vector<std::string> wider_paths(const std::vector<std::string>& narrow) {
  std::vector<std::string> paths{""};
  if (narrow.empty()) return paths;
  const std::string& path = narrow.front();
  paths.push_back(path);
  paths.push_back(path + "/*");
  for (std::size_t slash = path.find('/'); slash != path.npos && paths.size() < most_depth;
       slash = path.find('/', slash + 1))
    if (path.compare(slash, path.npos, "/*") != 0) paths.push_back(path.substr(0, slash) + "/*");
  return paths;
}

// The routes before one, by host and path.
class EarlierRoutes {
 public:
  void add(const Route& route) {
    const std::vector<std::string> any{""};
    const auto& paths = route.match.path.empty() ? any : route.match.path;
    const bool are_few = route.match.host.size() * paths.size() <= most_pairs;
    const auto& hosts = route.match.host.empty() || !are_few ? any : route.match.host;
    for (const std::string& host : hosts)
      for (const std::string& path : paths) by_key_[key(host, path)].push_back(&route);
  }

  // The first that takes all that `narrow` matches; null = none.
  const Route* that_covers(const Match& narrow) {
    const Route* first = nullptr;
    for (const std::string& host : wider_hosts(narrow.host))
      for (const std::string& path : wider_paths(narrow.path))
        if (const Route* found = find(key(host, path), narrow, first)) first = found;
    return first;
  }

 private:
  static std::string key(const std::string& host, const std::string& path) {
    return host + ' ' + path;
  }

  // Of those with that key the first, if it stands before `end` (null = anywhere).
  const Route* find(const std::string& key, const Match& narrow, const Route* end) {
    const auto routes = by_key_.find(key);
    if (routes == by_key_.end()) return nullptr;
    for (const Route* route : routes->second) {
      if ((end && route >= end) || ++comparisons_ > most_comparisons) return nullptr;
      if (covers(route->match, narrow)) return route;
    }
    return nullptr;
  }

  std::unordered_map<std::string, std::vector<const Route*>> by_key_;
  std::size_t comparisons_ = 0;
};

}  // namespace

std::vector<Mistake> unreachable_routes(const Listener& listener) {
  std::vector<Mistake> warnings;
  EarlierRoutes earlier;
  for (const Route& route : listener.routes) {
    if (const Route* first = earlier.that_covers(route.match))
      warnings.push_back({route.mark,
                          "this route is never reached: whatever it matches, the route in "
                          "line " +
                              std::to_string(first->mark.line) +
                              " takes before; the narrower one stands first"});
    earlier.add(route);
  }
  return warnings;
}

}  // namespace config
