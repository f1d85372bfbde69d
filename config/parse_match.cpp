// Which requests a route is for.
#include "config/grpc_match.hpp"
#include "config/parse.hpp"
#include "config/words.hpp"
#include "proxy/base/ascii.hpp"
#include "proxy/base/field_names.hpp"

#include <re2/re2.h>

namespace config {
namespace {

bool valid_host_pattern(std::string_view host) {
  if (host.starts_with("*.")) host.remove_prefix(2);
  return is_host_name(host) || is_ip(host);
}

// Each of one or more texts.
void read_alternatives(const Node& node, const Reading& reading,
                       const std::function<void(const Node&, const std::string&)>& visit) {
  for_each_text(node, reading, visit);
  if (node.is_list() && node.items.empty())
    reading.mistake(node, "an empty list matches nothing: leave it out to match everything");
}

Problem match_host_problem(const std::string& text) {
  const std::string shown = '"' + text + "\" ";
  const auto parts = split_host_port(text);
  if (parts && parts->port)
    return {shown + "has a port, and hosts are matched without", ": write " + parts->host};
  if (text.find("://") != text.npos) return {shown + "is a URL: write its host alone"};
  if (text == "*") return {"to match every host, leave `host` out"};
  return {shown + "is not a host name such as orders.internal or *.internal"};
}

void read_hosts(const Node& node, const Reading& reading, Match& into) {
  read_alternatives(node, reading, [&](const Node& item, const std::string& text) {
    std::string host = base::lower_case(text);
    if (!valid_host_pattern(host)) reading.mistake(item, match_host_problem(text));
    if (host.ends_with('.')) host.pop_back();
    into.host.push_back(std::move(host));
  });
}

// "^/v1/.*/x$" for "/v1/*/x".
std::string as_regex(std::string_view path) {
  std::string regex = "^";
  for (const char c : path) {
    if (c == '*')
      regex += "[^/]*";
    else if (base::is_alpha(c) || base::is_digit(c) || c == '/' || c == '-' || c == '_')
      regex += c;
    else
      regex.append({'\\', c});
  }
  return regex + '$';
}

Problem match_path_problem(const std::string& path) {
  const std::string shown = '"' + path + "\" ";
  const std::size_t star = path.find('*');
  if (const std::size_t end = path.find_first_of("?#"); end != path.npos)
    return {"a path is matched without its query",
            ": write " + path.substr(0, end) +
                (path[end] == '?' ? ", and the query as `query: { NAME: VALUE }`" : "")};
  if (path.find("\xe2\x80") != path.npos)
    return {shown + "holds a typographic quotation mark or dash: write a plain one"};
  if (path.empty()) return {"a path is missing, such as /v1/*"};
  if (!path.starts_with('/')) return {shown + "does not begin with /", ": write /" + path};
  if (star != path.npos && star != path.size() - 1)
    return {shown + "has a * elsewhere than at its end",
            ": write `path_regex: \"" + as_regex(path) + "\"` instead of `path`"};
  if (star != path.npos && !path.ends_with("/*"))
    return {shown + "is not a prefix: it ends at a slash",
            ", as in " + path.substr(0, star) + "/*"};
  if (!fits_path(path))
    return {shown + "is matched as it is sent: escape what a path cannot hold, a blank as %20"};
  return {};
}

void read_match_paths(const Node& node, const Reading& reading, Match& into) {
  read_alternatives(node, reading, [&](const Node& item, const std::string& path) {
    if (Problem problem = match_path_problem(path); !problem.empty())
      reading.mistake(item, std::move(problem));
    into.path.push_back(path);
  });
}

Problem method_problem(const std::string& method) {
  std::string capitals = method;
  for (char& c : capitals)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  const std::string what = '"' + method + "\" is not a method";
  if (!base::is_token(method)) return {what + ": write a word such as GET"};
  return {what, ": write " + capitals};
}

void read_methods(const Node& node, const Reading& reading, Match& into) {
  read_alternatives(node, reading, [&](const Node& item, const std::string& method) {
    if (!base::is_token(method) || base::lower_case(method) == method)
      return reading.mistake(item, method_problem(method));
    into.method.push_back(method);
  });
}

void read_match_headers(const Node& node, const Reading& reading, Match& into) {
  into.headers = parse_named_values(node, reading);
  for (auto& [name, value] : into.headers) name = base::lower_case(name);
  for (const Node::Entry& entry : node.entries) {
    if (!base::is_token(entry.key))
      reading.mistakes.add(entry.mark, "\"" + entry.key + "\" is not a field name");
    if (base::same_ignoring_case(entry.key, "host"))
      reading.mistakes.add(entry.mark, "the host is matched by `host`");
  }
}

void read_regex(const Node& node, const Reading& reading, Match& into) {
  const std::string* text = scalar_of(node, reading, "a regular expression");
  if (!text) return;
  if (text->empty()) return reading.mistake(node, "a regular expression is missing");
  into.path_regex = *text;
  RE2::Options options;
  options.set_log_errors(false);
  const RE2 expression(*text, options);
  if (!expression.ok())
    return reading.mistake(node, {"not a regular expression", ": " + expression.error()});
  into.groups = expression.NumberOfCapturingGroups();
}

void read_query(const Node& node, const Reading& reading, Match& into) {
  into.query = parse_named_values(node, reading);
  for (const Node::Entry& entry : node.entries)
    if (entry.key.empty() || has_control(entry.key))
      reading.mistakes.add(entry.mark, "a name is text without control characters");
}

const Table<Match>& match_table() {
  static const Table<Match> table = {
      {"host", "a host or a list", "", "any of these; *.a is one more label", read_hosts},
      {"path", "a path or a list", "", "exact, or a prefix ending in /*", read_match_paths},
      {"path_regex", "a regular expression", "", "RE2; excludes path", read_regex},
      {"method", "a method or a list", "", "any of these", read_methods},
      named_values<Match>("headers", "name: value, \"*\" = present", read_match_headers),
      named_values<Match>("query", "name: value, \"*\" = present", read_query),
      grpc_match(),
  };
  return table;
}

}  // namespace

Field<Route> match() {
  Field<Route> field = nested("match", &Route::match, match_table(), "absent = every request");
  field.read = [](const Node& node, const Reading& reading, Route& into) {
    read_table(node, reading, match_table(), into.match);
    if (into.match.is_grpc) return check_grpc_match(node, reading);
    if (!into.match.path.empty() && !into.match.path_regex.empty())
      reading.mistakes.add(node.entry("path_regex")->mark,
                           "`path` and `path_regex` exclude each other: leave one of them out");
    const Node::Entry* path = node.entry(into.match.path.empty() ? "path_regex" : "path");
    if (path && into.match.method == std::vector<std::string>{"CONNECT"})
      reading.mistakes.add(path->mark, "a CONNECT has no path: match it by its `host`");
  };
  return field;
}

}  // namespace config
