#include "proxy/cli/explanation.hpp"

#include "config/place_name.hpp"
#include "proxy/http/target.hpp"
#include "proxy/routing/route_table.hpp"

#include <algorithm>
#include <functional>

namespace cli {
namespace {

using config::NodePtr;

std::string place_of(const config::Mark& mark) {
  return mark.source ? mark.source->name + ':' + std::to_string(mark.line) : std::string();
}

std::string listed(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : ", ") + text;
  return all;
}

std::string in_quotes(std::string_view text) {
  return '"' + std::string(text) + '"';
}

// Whether a route with this match alone would take the request.
bool fits(config::Match match, const http::RequestHead& head) {
  if (head.method == http::Method::connect && match.method.empty()) match.method = {"CONNECT"};
  std::vector<config::Route> routes(1);
  routes[0].match = std::move(match);
  const routing::RouteTable table(routes);
  return table.router().find(routing::MatchInput(head)).has_value();
}

// One named value after the other, so that the one that does not fit can be named.
std::string why_no_value(const config::NamedValues& values, std::string_view what,
                         config::NamedValues config::Match::*member,
                         const http::RequestHead& head) {
  for (const auto& named : values) {
    config::Match one;
    (one.*member).push_back(named);
    if (fits(one, head)) continue;
    return std::string(what) + ' ' + named.first + " is not " +
           (named.second == "*" ? "there" : in_quotes(named.second));
  }
  return {};
}

std::string why_not(const config::Match& match, const http::RequestHead& head) {
  const auto alone = [&](auto config::Match::*member) {
    config::Match one;
    one.*member = match.*member;
    return fits(one, head);
  };
  if (!match.host.empty() && !alone(&config::Match::host))
    return "host " + in_quotes(head.authority) + " is not " + listed(match.host);
  if (!match.path.empty() && !alone(&config::Match::path))
    return "path " + in_quotes(head.path_only()) + " is not " + listed(match.path);
  if (!match.path_regex.empty() && !alone(&config::Match::path_regex))
    return "path " + in_quotes(head.path_only()) + " does not match " + match.path_regex;
  if (!match.method.empty() && !alone(&config::Match::method))
    return "method " + std::string(head.method_text()) + " is not " + listed(match.method);
  if (match.method.empty() && head.method == http::Method::connect)
    return "a CONNECT is taken only by a route that names it in `method`";
  if (std::string why = why_no_value(match.headers, "header", &config::Match::headers, head);
      !why.empty())
    return why;
  if (std::string why = why_no_value(match.query, "query", &config::Match::query, head);
      !why.empty())
    return why;
  if (match.is_grpc && !alone(&config::Match::is_grpc))
    return "it is no call of gRPC (content-type: application/grpc)";
  return {};
}

// As the listener forwards it; why it is refused, or "".
std::string prepare(const config::Listener& listener, http::RequestHead& head) {
  if (listener.reject_encoded_slash && http::has_encoded_slash(head.path))
    return "400: `encoded_slash: reject`";
  if (!listener.normalize_path || !head.path.view().starts_with('/')) return {};
  std::optional<std::string> normal = http::normalize_path(head.path);
  if (!normal) return "400: the path leads above the root";
  head.path = std::move(*normal);
  return {};
}

void add_settings(const NodePtr& node, const std::string& name, std::vector<Setting>& into) {
  if (node->is_map() && !node->entries.empty()) {
    for (const config::Node::Entry& entry : node->entries)
      add_settings(entry.value, name.empty() ? entry.key : name + '.' + entry.key, into);
    return;
  }
  std::string value = print_yaml(*node);
  while (value.ends_with('\n')) value.pop_back();
  into.push_back({name, std::move(value), place_of(node->mark)});
}

// What stands at one place of the tree of what is in force.
void add_filters(const config::Filters& filters, const NodePtr& list, const std::string& of,
                 std::vector<ExplainedFilter>& into) {
  for (std::size_t i = 0; i < filters.size(); ++i) {
    ExplainedFilter made{filters[i].name, of, place_of(filters[i].mark), {}};
    const NodePtr item = list && i < list->items.size() ? list->items[i] : nullptr;
    if (const NodePtr options = item ? item->child(filters[i].name) : nullptr)
      add_settings(options, "", made.settings);
    into.push_back(std::move(made));
  }
}

NodePtr below(const NodePtr& node, std::initializer_list<std::string_view> names) {
  NodePtr found = node;
  for (const std::string_view name : names) found = found ? found->child(name) : nullptr;
  return found;
}

bool has_timeout(const config::Filters& filters) {
  return std::any_of(filters.begin(), filters.end(),
                     [](const config::FilterConfig& filter) { return filter.name == "timeout"; });
}

std::string text_of(const config::Endpoint& endpoint) {
  if (endpoint.is_unix) return "unix:" + endpoint.host;
  const bool is_v6 = endpoint.host.find(':') != endpoint.host.npos;
  return (is_v6 ? '[' + endpoint.host + ']' : endpoint.host) + ':' + std::to_string(endpoint.port);
}

std::string host_sent(const config::Cluster& cluster, const config::Route& route,
                      const http::RequestHead& head) {
  if (!route.rewrite.host.empty()) return route.rewrite.host;
  if (cluster.host == config::HostRule::url) return cluster.url_authority;
  if (cluster.host == config::HostRule::fixed) return cluster.fixed_host;
  return std::string(head.authority);
}

std::string path_sent(const routing::RouteTable& table, std::size_t route,
                      const http::RequestHead& head) {
  const routing::RouteEntry& entry = table[route];
  const std::string_view target = head.path;
  if (!entry.rewrite) return std::string(target);
  auto path = entry.rewrite->apply(table.router().match(route), head.path_only());
  if (!path) return "400: " + std::string(path.error().detail);
  return path->append(target.substr(std::min(target.find('?'), target.size())));
}

std::string answer_of(const config::Route& route) {
  if (route.respond) return "answers " + std::to_string(route.respond->status);
  if (!route.redirect) return {};
  const config::Redirect& redirect = *route.redirect;
  std::string answer = "redirects with " + std::to_string(redirect.status);
  for (const auto& [name, value] :
       {std::pair{"scheme", redirect.scheme}, {"host", redirect.host}, {"path", redirect.path}})
    if (!value.empty()) answer += std::string(" ") + name + ' ' + value;
  return answer;
}

class Explainer {
 public:
  Explainer(const config::Loaded& loaded, const Asked& asked)
      : config_(*loaded.config), effective_(loaded.effective), asked_(asked) {}

  ExplainedListener explain(const config::Listener& listener) const {
    ExplainedListener made{listener.name, place_of(listener.mark), {}, {}, {}, {}};
    http::RequestHead head = asked_.head;
    made.refused = prepare(listener, head);
    const routing::RouteTable table(listener.routes);
    const auto taken = table.router().find(routing::MatchInput(head));
    for (std::size_t i = 0; i < listener.routes.size(); ++i) {
      const config::Route& route = listener.routes[i];
      made.routes.push_back({route.name, place_of(route.mark), taken == i,
                             taken == i ? std::string() : why_not(route.match, head)});
    }
    if (!taken || !made.refused.empty()) return made;
    const config::Route& route = listener.routes[*taken];
    made.answer = answer_of(route);
    if (route.to.empty()) made.ways.push_back(way(listener, *taken, nullptr));
    for (const config::Share& share : route.to) {
      ExplainedWay one = way(listener, *taken, config_.find_cluster(share.cluster));
      if (route.to.size() > 1) one.share = config::percentage_text(share.parts);
      one.path = path_sent(table, *taken, head);
      if (const config::Cluster* cluster = config_.find_cluster(share.cluster))
        one.host = host_sent(*cluster, route, head);
      made.ways.push_back(std::move(one));
    }
    return made;
  }

 private:
  // cluster: null = the route answers by itself.
  ExplainedWay way(const config::Listener& listener, std::size_t number,
                   const config::Cluster* cluster) const {
    const config::Route& route = listener.routes[number];
    const NodePtr of_listener = below(effective_, {"listeners", listener.name});
    const NodePtr routes = below(of_listener, {"routes"});
    const NodePtr of_route =
        routes && number < routes->items.size() ? routes->items[number] : nullptr;
    ExplainedWay made;
    add_filters(listener.filters, below(of_listener, {"filters"}), config::place_name(listener),
                made.filters);
    const bool is_timed = has_timeout(listener.filters) || has_timeout(route.filters);
    if (cluster && !is_timed && !has_timeout(cluster->filters) && !listener.tcp)
      made.filters.push_back(default_timeout());
    add_filters(route.filters, below(of_route, {"filters"}),
                config::place_name(listener, route), made.filters);
    if (!cluster) return made;
    made.cluster = cluster->name;
    made.place = place_of(cluster->mark);
    add_filters(cluster->filters, below(effective_, {"clusters", cluster->name, "filters"}),
                config::place_name(*cluster), made.filters);
    for (const config::Endpoint& endpoint : cluster->endpoints)
      made.endpoints.push_back(text_of(endpoint));
    return made;
  }

  static ExplainedFilter default_timeout() {
    return {"timeout",
            "every path without one",
            "",
            {{"total", "60s", ""}, {"response", "0s", ""}, {"idle", "5m", ""}}};
  }

  const config::Config& config_;
  const NodePtr effective_;
  const Asked& asked_;
};

}  // namespace

std::vector<ExplainedListener> explain(const config::Loaded& loaded, const Asked& asked) {
  const Explainer explainer(loaded, asked);
  std::vector<ExplainedListener> all;
  for (const config::Listener& listener : loaded.config->listeners) {
    if (listener.tcp || listener.udp) continue;
    if (asked.listener.empty() || asked.listener == listener.name)
      all.push_back(explainer.explain(listener));
  }
  return all;
}

}  // namespace cli
