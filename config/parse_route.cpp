#include <re2/re2.h>

#include <numeric>

#include "config/parse.hpp"
#include "proxy/base/ascii.hpp"

namespace config {
namespace {

// What a route says before it is known to be one thing only.
struct Written {
  Route route;
  std::uint64_t redirect_port = 0;
};

bool valid_host_pattern(std::string_view host) {
  if (host.starts_with("*.")) host.remove_prefix(2);
  return !host.empty() && host.find_first_of("*:/ ") == host.npos;
}

void read_hosts(const Node& node, const Context& context, Match& into) {
  read_texts(node, context, into.host);
  for (std::string& host : into.host) {
    if (!valid_host_pattern(host)) {
      context.mistake(node, "\"" + host + "\" is not a host name (no port) or *.name");
      continue;
    }
    if (host.ends_with('.')) host.pop_back();
    host = base::lower_case(host);
  }
}

void read_match_paths(const Node& node, const Context& context, Match& into) {
  read_texts(node, context, into.path);
  for (const std::string& path : into.path) {
    const std::size_t star = path.find('*');
    const bool is_prefix = path.ends_with("/*") && star == path.size() - 1;
    if (!path.starts_with('/') || (star != path.npos && !is_prefix))
      context.mistake(node, "\"" + path + "\" is not a path such as /a or a prefix such as /a/*");
    else if (path.find_first_of("?#") != path.npos)
      context.mistake(node, "a path is matched without its query: use `query`");
  }
}

void read_regex(const Node& node, const Context& context, Match& into) {
  read_text(node, context, into.path_regex);
  if (into.path_regex.empty()) return context.mistake(node, "a regular expression is missing");
  RE2::Options options;
  options.set_log_errors(false);
  const RE2 expression(into.path_regex, options);
  if (!expression.ok()) context.mistake(node, "not a regular expression: " + expression.error());
}

const Table<Match>& match_table() {
  static const Table<Match> table = {
      {"host", "a host or a list", "", "any of these; *.a is one more label", read_hosts},
      {"path", "a path or a list", "", "exact, or a prefix ending in /*", read_match_paths},
      {"path_regex", "a regular expression", "", "RE2; excludes path", read_regex},
      texts("method", &Match::method, "", "any of these"),
      {"headers", "a map", "", "name: value, \"*\" = present",
       [](const Node& node, const Context& context, Match& into) {
         into.headers = parse_named_values(node, context);
         for (auto& [name, value] : into.headers) name = base::lower_case(name);
       }},
      {"query", "a map", "", "name: value, \"*\" = present",
       [](const Node& node, const Context& context, Match& into) {
         into.query = parse_named_values(node, context);
       }},
      later<Match>("grpc", "service and method"),
  };
  return table;
}

// One name, or shares that add up to exactly 100 %.
void read_targets(const Node& node, const Context& context, Written& into) {
  std::vector<Share>& shares = into.route.to;
  if (node.is_scalar()) {
    shares.push_back({node.text, 10'000});
    return;
  }
  if (!node.is_map()) return context.mistake(node, wrong_kind(node, "a cluster, or shares"));
  for (const Node::Entry& entry : node.entries) {
    Share share{entry.key, 0};
    read_percentage(*entry.value, context, share.parts);
    shares.push_back(std::move(share));
  }
  const auto sum = std::accumulate(shares.begin(), shares.end(), 0U,
                                   [](std::uint32_t total, const Share& share) {
                                     return total + share.parts;
                                   });
  if (sum != 10'000) {
    const std::string hundredths = std::to_string(sum % 100);
    context.mistake(node, "the shares add up to " + std::to_string(sum / 100) +
                              (sum % 100 ? "." + hundredths : "") + " %, not to 100 %");
  }
}

void read_status(const Node& node, const Context& context, std::uint64_t least, std::uint64_t most,
                 int& into) {
  std::uint64_t status = static_cast<std::uint64_t>(into);
  read_integer(node, context, least, most, status);
  into = static_cast<int>(status);
}

const Table<Redirect>& redirect_table() {
  static const Table<Redirect> table = {
      text("scheme", &Redirect::scheme, "", "http or https"),
      text("host", &Redirect::host, "", "the host to go to"),
      {"port", "a port", "", "the port to go to",
       [](const Node& node, const Context& context, Redirect& into) {
         std::uint64_t port = 0;
         read_integer(node, context, 1, 65'535, port);
         into.port = static_cast<std::uint16_t>(port);
       }},
      text("path", &Redirect::path, "", "may use /* or $1; the query is kept"),
      {"status", "a status", "308", "301, 302, 303, 307 or 308",
       [](const Node& node, const Context& context, Redirect& into) {
         read_status(node, context, 301, 308, into.status);
         const int status = into.status;
         if (status > 303 && status < 307)
           context.mistake(node, "a redirect's status is 301, 302, 303, 307 or 308");
       }},
  };
  return table;
}

const Table<Respond>& respond_table() {
  static const Table<Respond> table = {
      {"status", "a status", "200", "200 to 599",
       [](const Node& node, const Context& context, Respond& into) {
         read_status(node, context, 200, 599, into.status);
       }},
      text("body", &Respond::body, "", "the body"),
      {"headers", "a map", "", "name: value",
       [](const Node& node, const Context& context, Respond& into) {
         into.headers = parse_named_values(node, context);
         for (auto& [name, value] : into.headers)
           if (value.find_first_of("\r\n") != value.npos)
             context.mistake(node, "a header's value cannot have line ends");
       }},
  };
  return table;
}

const Table<Rewrite>& rewrite_table() {
  static const Table<Rewrite> table = {
      text("path", &Rewrite::path, "", "a path; /* stands for what the match's /* stood for"),
      text("host", &Rewrite::host, "", "the host sent upstream"),
  };
  return table;
}

const Table<Written>& route_table() {
  static const Table<Written> table = {
      {"name", "text", "LISTENER.N", "for logs and metrics",
       [](const Node& node, const Context& context, Written& into) {
         read_text(node, context, into.route.name);
       }},
      {"match", "a map", "", "absent = every request",
       [](const Node& node, const Context& context, Written& into) {
         read_table(node, context, match_table(), into.route.match);
         if (!into.route.match.path.empty() && !into.route.match.path_regex.empty())
           context.mistake(node, "`path` and `path_regex` exclude each other");
       }},
      {"to", "a cluster, or shares", "", "where requests go", read_targets},
      {"redirect", "a map", "", "answer with a redirect",
       [](const Node& node, const Context& context, Written& into) {
         read_table(node, context, redirect_table(), into.route.redirect.emplace());
       }},
      {"respond", "a map", "", "answer with this",
       [](const Node& node, const Context& context, Written& into) {
         read_table(node, context, respond_table(), into.route.respond.emplace());
       }},
      {"rewrite", "a map", "", "change path and host",
       [](const Node& node, const Context& context, Written& into) {
         read_table(node, context, rewrite_table(), into.route.rewrite);
       }},
      later<Written>("mirror", "a copy of each request to another cluster"),
      {"filters", "a list of filters", "[]", "after the listener's",
       [](const Node& node, const Context& context, Written& into) {
         parse_filters(node, context, into.route.filters);
       }},
  };
  return table;
}

bool has_prefix(const Match& match) {
  for (const std::string& path : match.path)
    if (path.ends_with("/*")) return true;
  return false;
}

void check_template(const std::string& path, const Match& match, const Node& node,
                    const Context& context) {
  if (path.empty()) return;
  if (!path.starts_with('/') && !path.starts_with('$'))
    context.mistake(node, "the path \"" + path + "\" does not begin with /");
  if (path.ends_with("/*") && !has_prefix(match))
    context.mistake(node, "\"" + path + "\" needs a match with a path that ends in /*");
  if (path.find('$') != path.npos && match.path_regex.empty())
    context.mistake(node, "\"" + path + "\" needs a match with path_regex");
}

Route parse_route(const Node& node, const Context& context) {
  Written written;
  written.route.mark = node.mark;
  read_table(node, context, route_table(), written);
  Route& route = written.route;
  const int ways = (node.find("to") ? 1 : 0) + (route.redirect ? 1 : 0) + (route.respond ? 1 : 0);
  if (node.is_map() && ways != 1)
    context.mistake(node, "a route has exactly one of `to`, `redirect` and `respond`");
  check_template(route.rewrite.path, route.match, node, context);
  if (route.redirect) check_template(route.redirect->path, route.match, node, context);
  for (const std::string& method : route.match.method)
    if (method == "CONNECT") context.mistake(node, "routes for CONNECT are not yet in this version");
  return std::move(route);
}

}  // namespace

std::vector<Route> parse_routes(const Node& node, const Context& context,
                                const std::string& listener) {
  std::vector<Route> routes;
  if (!node.is_list()) {
    context.mistake(node, wrong_kind(node, "a list of routes"));
    return routes;
  }
  for (const NodePtr& item : node.items) {
    routes.push_back(parse_route(*item, context));
    if (routes.back().name.empty())
      routes.back().name = listener + '.' + std::to_string(routes.size());
  }
  return routes;
}

}  // namespace config
