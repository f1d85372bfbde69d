#include "config/parse_balancing.hpp"

#include "proxy/base/ascii.hpp"
#include "proxy/base/field_names.hpp"

#include <algorithm>

namespace config {
namespace {

const Table<Outlier>& outlier_table() {
  static const Table<Outlier> table = {
      integer("consecutive_failures", &Outlier::consecutive_failures, 1, 1'000'000, "5",
              "so many in a row eject an endpoint"),
      duration("eject_for", &Outlier::eject_for, "30s",
               "the first time; the n-th time n times as long, at most 5m; +-10 %", Zero::refused),
      percentage("max_ejected", &Outlier::max_ejected, "50%",
                 "of the endpoints, rounded down; 0% = none is ever ejected"),
  };
  return table;
}

bool is_named(std::string_view text, std::string_view kind) {
  return text.starts_with(kind) && base::is_token(text.substr(kind.size()));
}

// What is wrong with it; "" = nothing.
std::string selector_problem(const std::string& text) {
  const std::string shown = '"' + text + "\" ";
  if (is_named(text, "header:") || is_named(text, "cookie:")) return {};
  for (const std::string_view kind : {"header:", "cookie:"})
    if (text.starts_with(kind)) return shown + "has no name: write " + std::string(kind) + "NAME";
  for (const std::string_view word : {"source_ip", "route", "cluster", "path"})
    if (text == word) return {};
  return shown +
         "selects nothing: there are header:NAME, cookie:NAME, source_ip, route, cluster and path";
}

void read_cookie(const Node& node, const Reading& reading, HashOn& into) {
  const std::string* text = scalar_of(node, reading, "a cookie's name");
  if (!text) return;
  if (!base::is_token(*text))
    return reading.mistake(node, '"' + *text + "\" is not the name of a cookie");
  into.cookie = *text;
}

void read_cookie_path(const Node& node, const Reading& reading, HashOn& into) {
  const std::string* text = scalar_of(node, reading, "a path");
  if (!text) return;
  const bool is_path =
      text->starts_with('/') && std::all_of(text->begin(), text->end(),
                                            [](char c) { return c > ' ' && c < 0x7f && c != ';'; });
  if (!is_path) return reading.mistake(node, '"' + *text + "\" is not a path such as /shop");
  into.path = *text;
}

const Table<HashOn>& cookie_table() {
  static const Table<HashOn> table = {
      required(Field<HashOn>{"cookie", "a name", "", "set when a request has none", read_cookie}),
      duration("ttl", &HashOn::ttl, "0s", "how long a browser keeps it; 0 = until it is closed"),
      {"path", "a path", "/", "of the cookie", read_cookie_path,
       [](const HashOn& hash_on) { return scalar(hash_on.path); }},
  };
  return table;
}

void read_hash_on(const Node& node, const Reading& reading, Cluster& into) {
  HashOn& hash_on = into.hash_on.emplace();
  if (node.is_map()) return read_table(node, reading, cookie_table(), hash_on);
  const std::string* text =
      scalar_of(node, reading, "a selector such as header:x-user, or { cookie: NAME }");
  if (!text) return;
  if (std::string problem = selector_problem(*text); !problem.empty())
    return reading.mistake(node, std::move(problem));
  hash_on.selector = *text;
}

bool is_hashing(const Cluster& cluster) {
  return cluster.load_balancer == Balancing::ring_hash ||
         cluster.load_balancer == Balancing::maglev;
}

}  // namespace

Field<Cluster> load_balancer() {
  return word("load_balancer", &Cluster::load_balancer,
              {"least_request", "round_robin", "ewma", "random", "ring_hash", "maglev"},
              "least_request", "which endpoint is next");
}

Field<Cluster> outlier() {
  return nested("outlier", &Cluster::outlier, outlier_table(),
                "endpoints that fail in a row are left out for a time");
}

Field<Cluster> hash_on() {
  Field<Cluster> field{"hash_on", "a selector or a cookie", "",
                       "what keeps together, with ring_hash or maglev: header:NAME, cookie:NAME, "
                       "source_ip, path, or { cookie: NAME, ttl: 0s, path: / } for sticky sessions",
                       read_hash_on};
  field.complete = [](const NodePtr& written, const Cluster& cluster) {
    return written && written->is_map() ? write_table(written, cookie_table(), *cluster.hash_on)
                                        : written;
  };
  return field;
}

void check_balancing(const Node& node, const Reading& reading, const Cluster& cluster) {
  const Node::Entry* hash_on = node.entry("hash_on");
  if (hash_on && !is_hashing(cluster))
    reading.mistakes.add(hash_on->mark,
                         "`hash_on` goes with `load_balancer: ring_hash` or `maglev`");
  const bool is_of_bytes = cluster.hash_on && cluster.hash_on->selector == "source_ip";
  if (hash_on && (cluster.is_tcp() || cluster.is_udp()) && !is_of_bytes)
    reading.mistakes.add(hash_on->mark,
                         "a cluster that takes no requests knows `hash_on: source_ip` alone");
  const Node::Entry* health = node.entry("health");
  if (health && cluster.is_tcp() && cluster.health && !cluster.health->tcp)
    reading.mistakes.add(health->mark,
                         "a tcp:// cluster takes bytes, and knows `health: { tcp: true }` alone");
  const Node::Entry* slow_start = node.entry("slow_start");
  if (slow_start && is_hashing(cluster) && cluster.slow_start > Millis{0})
    reading.mistakes.add(slow_start->mark,
                         "`slow_start` does not go with ring_hash and maglev: what they hash to an "
                         "endpoint stays there");
}

}  // namespace config
