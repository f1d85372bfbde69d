#include "config/parse.hpp"
#include "config/respond.hpp"
#include "config/words.hpp"
#include "proxy/base/ascii.hpp"
#include "proxy/base/field_names.hpp"

#include <numeric>

namespace config {

void read_targets(const Node& node, const Reading& reading, std::vector<Share>& shares) {
  if (node.is_scalar()) {
    if (const std::string* text = scalar_of(node, reading, "a cluster"))
      shares.push_back({*text, 10'000, node.mark});
    return;
  }
  if (!node.is_map()) return reading.mistake(node, wrong_kind(node, "a cluster, or shares"));
  bool are_read = true;
  for (const Node::Entry& entry : node.entries) {
    constexpr std::uint32_t unread = UINT32_MAX;
    Share share{entry.key, unread, entry.mark};
    read_percentage(*entry.value, reading, share.parts);
    are_read = are_read && share.parts != unread;
    shares.push_back(std::move(share));
  }
  if (!are_read) return;
  const auto sum =
      std::accumulate(shares.begin(), shares.end(), 0U,
                      [](std::uint32_t total, const Share& share) { return total + share.parts; });
  if (sum != 10'000) {
    reading.mistake(
        node, "the shares add up to " + percentage_text(sum) + ", and have to make exactly 100%");
  }
}

namespace {

void read_status(const Node& node, const Reading& reading, std::uint64_t least, std::uint64_t most,
                 int& into) {
  std::uint64_t status = static_cast<std::uint64_t>(into);
  read_integer(node, reading, least, most, status);
  into = static_cast<int>(status);
}

const Table<Redirect>& redirect_table() {
  static const Table<Redirect> table = {
      {"scheme", "one word", "", "http or https",
       [](const Node& node, const Reading& reading, Redirect& into) {
         read_word(node, reading, {"http", "https"},
                   [&](std::size_t index) { into.scheme = index == 0 ? "http" : "https"; });
       }},
      {"host", "a host", "", "the host to go to",
       [](const Node& node, const Reading& reading, Redirect& into) {
         const std::string* text = scalar_of(node, reading, "a host");
         if (text && !is_host_name(*text) && !is_ip(*text))
           reading.mistake(node, "\"" + *text + "\" is not a host name (no port)");
         if (text) into.host = *text;
       }},
      {"port", "a port", "", "the port to go to",
       [](const Node& node, const Reading& reading, Redirect& into) {
         std::uint64_t port = 0;
         read_integer(node, reading, 1, 65'535, port);
         into.port = static_cast<std::uint16_t>(port);
       }},
      text("path", &Redirect::path, "", "may use /* or $1; the query is kept"),
      {"status", "a status", "308", "301, 302, 303, 307 or 308",
       [](const Node& node, const Reading& reading, Redirect& into) {
         read_status(node, reading, 301, 308, into.status);
         const int status = into.status;
         if (status > 303 && status < 307)
           reading.mistake(node, "a redirect's status is 301, 302, 303, 307 or 308");
       }},
  };
  return table;
}

void read_answer_headers(const Node& node, const Reading& reading, Respond& into) {
  into.headers = parse_named_values(node, reading);
  for (const Node::Entry& entry : node.entries)
    if (std::string problem = field_problem(entry.key); !problem.empty())
      reading.mistakes.add(entry.mark, std::move(problem));
}

bool has_no_body(int status) {
  return status == 204 || status == 205 || status == 304;
}

}  // namespace

const Table<Respond>& respond_table() {
  static const Table<Respond> table = {
      {"status", "a status", "200", "200 to 599",
       [](const Node& node, const Reading& reading, Respond& into) {
         read_status(node, reading, 200, 599, into.status);
       }},
      {"body", "text", "", "the body",
       [](const Node& node, const Reading& reading, Respond& into) {
         if (!node.is_scalar()) return reading.mistake(node, wrong_kind(node, "text"));
         into.body = node.text;
       }},
      named_values<Respond>("headers", "name: value", read_answer_headers),
  };
  return table;
}

std::string respond_problem(const Respond& respond) {
  if (respond.body.empty() || !has_no_body(respond.status)) return {};
  return "an answer " + std::to_string(respond.status) + " has no body";
}

namespace {

const Table<Rewrite>& rewrite_table() {
  static const Table<Rewrite> table = {
      text("path", &Rewrite::path, "", "a path; /* stands for what the match's /* stood for"),
      {"host", "a host", "", "the host sent upstream",
       [](const Node& node, const Reading& reading, Rewrite& into) {
         const std::string* text = scalar_of(node, reading, "a host");
         if (text && !split_host_port(*text))
           reading.mistake(node, "\"" + *text + "\" is not host or host:port");
         if (text) into.host = *text;
       }},
  };
  return table;
}

void read_name(const Node& node, const Reading& reading, Route& into) {
  const std::string* text = scalar_of(node, reading, "a name");
  if (!text) return;
  if (std::string problem = name_problem(*text); !problem.empty())
    reading.mistake(node, std::move(problem));
  into.name = *text;
}

const Table<Mirror>& mirror_table() {
  static const Table<Mirror> table = {
      required(text<Mirror>("to", &Mirror::to, "", "the cluster")),
      percentage<Mirror>("sample", &Mirror::sample, "100%", "the share of the requests"),
  };
  return table;
}

Field<Route> mirror() {
  Field<Route> field = nested("mirror", &Route::mirror, mirror_table(),
                              "a copy of each request to another cluster");
  field.read = [](const Node& node, const Reading& reading, Route& into) {
    Mirror& mirror = into.mirror.emplace();
    mirror.mark = node.mark;
    read_table(node, reading, mirror_table(), mirror);
  };
  return field;
}

const Table<Route>& route_table() {
  static const Table<Route> table = {
      {"name", "text", "LISTENER.N", "for logs and metrics", read_name,
       [](const Route& route) { return scalar(route.name); }},
      match(),
      {"to", "a cluster, or shares", "", "where requests go",
       [](const Node& node, const Reading& reading, Route& into) {
         read_targets(node, reading, into.to);
       }},
      nested("redirect", &Route::redirect, redirect_table(), "answer with a redirect"),
      nested("respond", &Route::respond, respond_table(), "answer with this"),
      nested("rewrite", &Route::rewrite, rewrite_table(), "change path and host"),
      mirror(),
      filters<Route>("after the listener's"),
  };
  return table;
}

bool has_prefix(const Match& match) {
  for (const std::string& path : match.path)
    if (path.ends_with("/*")) return true;
  return false;
}

// The group of the first "$N" for which the match has none; 0 = there is none such.
int missing_group(std::string_view path, const Match& match) {
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    if (path[i] != '$' || !base::is_digit(path[i + 1])) continue;
    const int group = path[i + 1] - '0';
    if (match.path_regex.empty() || group > match.groups) return std::max(group, 1);
  }
  return 0;
}

// `of`: the rewrite or redirect whose `path` is judged, null if there is none.
void check_template(const Node* of, const Match& match, const Reading& reading) {
  const Node* node = of ? of->find("path") : nullptr;
  if (!node || !node->is_scalar() || has_control(node->text)) return;
  const std::string& path = node->text;
  const bool has_regex = !match.path_regex.empty();
  const std::size_t star = path.find('*');
  const std::string shown = "\"" + path + "\"";
  if (!path.starts_with('/') && !(has_regex && path.starts_with('$')))
    reading.mistake(*node, "the path " + shown + " does not begin with /");
  else if (!fits_path(path))
    reading.mistake(*node,
                    shown + " is not a path: characters such as a space, ? and # are escaped");
  else if (path.ends_with("/*") && !has_prefix(match))
    reading.mistake(*node, shown + " needs a match with a path that ends in /*");
  else if (star != path.npos && !(path.ends_with("/*") && star == path.size() - 1))
    reading.mistake(*node, "in " + shown + " a * stands elsewhere than at the end, as /*");
  else if (const int group = missing_group(path, match))
    reading.mistake(*node, shown + (has_regex ? " names a group that path_regex does not have: $" +
                                                    std::to_string(group)
                                              : " needs a match with path_regex"));
}

void check_kind(const Node& node, const Route& route, const Reading& reading) {
  if (!node.is_map()) return;
  const Node::Entry* way = nullptr;
  for (const Node::Entry& entry : node.entries) {
    if (entry.key != "to" && entry.key != "redirect" && entry.key != "respond") continue;
    if (way)
      reading.mistakes.add(entry.mark, "a route has one of `to`, `redirect` and `respond`, and `" +
                                           way->key + "` stands in line " +
                                           std::to_string(way->mark.line));
    way = &entry;
  }
  if (!way)
    reading.mistake(node, "this route leads nowhere: write `to: CLUSTER`, `redirect` or `respond`");
  const Node::Entry* rewrite = node.entry("rewrite");
  if (rewrite && !node.find("to"))
    reading.mistakes.add(rewrite->mark, "`rewrite` goes with `to`: here nothing is forwarded");
  const Node::Entry* mirror = node.entry("mirror");
  if (mirror && !node.find("to"))
    reading.mistakes.add(mirror->mark, "`mirror` goes with `to`: here nothing is forwarded");
  const Node* redirect = node.find("redirect");
  const auto says = [&](std::string_view key) { return redirect->find(key) != nullptr; };
  if (redirect && redirect->is_map() && !says("scheme") && !says("host") && !says("port") &&
      !says("path"))
    reading.mistake(*redirect, "this redirects to itself: say `path`, `host`, `port` or `scheme`");
  if (!route.respond) return;
  if (std::string problem = respond_problem(*route.respond); !problem.empty())
    reading.mistake(node, std::move(problem));
}

Route parse_route(const Node& written, const Reading& reading) {
  const Node node = corrected(written, reading, route_table());
  Route route;
  route.mark = node.mark;
  read_table(node, reading, route_table(), route);
  check_kind(node, route, reading);
  check_template(node.find("rewrite"), route.match, reading);
  check_template(node.find("redirect"), route.match, reading);
  return route;
}

}  // namespace

std::vector<Route> parse_routes(const Node& node, const Reading& reading,
                                const std::string& listener) {
  std::vector<Route> routes;
  if (!node.is_list()) {
    reading.mistake(node, wrong_kind(node, "a list of routes"));
    return routes;
  }
  if (node.items.empty())
    reading.mistake(node, "at least one route is needed: without, every request would be a 404");
  routes.reserve(node.items.size());
  for (const NodePtr& item : node.items) {
    routes.push_back(parse_route(*item, reading));
    if (routes.back().name.empty())
      routes.back().name = listener + '.' + std::to_string(routes.size());
  }
  return routes;
}

NodePtr write_routes(const NodePtr& written, const std::vector<Route>& routes) {
  std::vector<NodePtr> items;
  for (const Route& route : routes) {
    const NodePtr item = written ? written->items[items.size()] : nullptr;
    items.push_back(write_table(item, route_table(), route));
  }
  return list(std::move(items));
}

std::vector<Row> route_rows() {
  return rows_of(route_table());
}

}  // namespace config
