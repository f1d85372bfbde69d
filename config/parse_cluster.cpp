#include "config/parse.hpp"
#include "config/parse_balancing.hpp"
#include "config/words.hpp"

namespace config {
namespace {

bool is_https(const Cluster& cluster) {
  return cluster.url.starts_with("https://");
}

// What to write instead of a URL that is none.
std::string url_problem(std::string_view text) {
  const std::string shown = '"' + std::string(text) + "\" ";
  if (split_host_port(text)) return shown + "has no scheme: write http://" + std::string(text);
  if (text.starts_with("http:") || text.starts_with("https:"))
    return shown + "is not a URL: two slashes stand behind the colon, as in http://host:port";
  if (text.starts_with("unix:"))
    return shown + "is no URL: write `endpoints: [\"" + std::string(text) + "\"]` instead of `url`";
  return shown + "is not a URL: write http://host:port or https://host:port";
}

// Behind `http://`: what a cluster's URL does not have, and where it belongs.
Problem authority_problem(std::string_view scheme, std::string_view authority) {
  const std::size_t end = authority.find_first_of("/?#");
  const std::string host(authority.substr(0, end));
  if (host.find('@') != host.npos)
    return {"a cluster's URL has no user: send `authorization` by the filter `headers`"};
  if (end == authority.npos) return {};
  const std::string write = ": write " + std::string(scheme).append("://") + host;
  if (authority.substr(end) == "/") return {"a cluster's URL has no path", write};
  if (authority[end] != '/') return {"a cluster's URL has no query or fragment", write};
  const std::string path(authority.substr(end, authority.find_first_of("?#", end) - end));
  return {"a cluster's URL has no path", write + ", and in the route `rewrite: { path: " + path +
                                             (path.ends_with('/') ? "" : "/") + "* }`"};
}

void read_url(const Node& node, const Reading& reading, Cluster& into) {
  const std::string* text = scalar_of(node, reading, "a URL such as http://127.0.0.1:8080");
  if (!text) return;
  const std::size_t scheme_end = text->find("://");
  const std::string scheme = text->substr(0, scheme_end);
  const bool is_raw = scheme == "tcp" || scheme == "udp";
  if (scheme_end == text->npos || (scheme != "http" && scheme != "https" && !is_raw))
    return reading.mistake(node, url_problem(*text));
  into.url = *text;
  const std::string_view authority = std::string_view(*text).substr(scheme_end + 3);
  if (Problem problem = authority_problem(scheme, authority); !problem.empty())
    return reading.mistake(node, std::move(problem));
  const auto parts = split_host_port(authority);
  if (!parts)
    return reading.mistake(
        node, "\"" + *text + "\" is not " + scheme + "://host or " + scheme + "://host:port");
  if (is_raw && !parts->port)
    return reading.mistake(node, "\"" + *text + "\" has no port, and " + scheme +
                                     ":// knows none: write " + *text +
                                     (scheme == "tcp" ? ":5432" : ":3478"));
  const std::uint16_t default_port = is_https(into) ? 443 : 80;
  into.url_authority = authority;
  if (parts->port == default_port) into.url_authority = authority.substr(0, authority.rfind(':'));
  Endpoint endpoint;
  endpoint.host = parts->host;
  endpoint.port = parts->port.value_or(default_port);
  into.endpoints = {std::move(endpoint)};
}

void read_endpoint_list(const Node& node, const Reading& reading, Cluster& into) {
  read_endpoints(node, reading, into.endpoints);
  if (node.is_list() && node.items.empty())
    reading.mistake(node, "at least one endpoint is needed");
}

void read_srv(const Node& node, const Reading& reading, Discovery& into) {
  const std::string* text = scalar_of(node, reading, "a name such as _http._tcp.orders.internal");
  if (!text) return;
  if (!is_host_name(*text))
    return reading.mistake(node, '"' + *text + "\" is not a name such as _http._tcp.orders.internal" +
                                     (split_host_port(*text) ? ": the port comes with the answer"
                                                             : ""));
  into.srv = *text;
}

const Table<Discovery>& discovery_table() {
  static const Table<Discovery> table = {
      {"srv", "a name", "", "its SRV records say host, port, priority and weight", read_srv,
       [](const Discovery& discovery) {
         return discovery.srv.empty() ? nullptr : scalar(discovery.srv);
       }},
      path("file", &Discovery::file, "a YAML list like `endpoints`, read again when it changes"),
  };
  return table;
}

Field<Cluster> discovery() {
  Field<Cluster> field = nested("discovery", &Cluster::discovery, discovery_table(),
                                "endpoints from DNS SRV or a file, instead of url");
  field.read = [](const Node& node, const Reading& reading, Cluster& into) {
    read_table(node, reading, discovery_table(), into.discovery.emplace());
    const Node::Entry* srv = node.entry("srv");
    const Node::Entry* file = node.entry("file");
    if (srv && file) reading.mistakes.add(file->mark, "`discovery` has either `srv` or `file`");
    if (node.is_map() && node.entries.empty())
      reading.mistake(node, "`discovery` has either `srv: NAME` or `file: PATH`");
  };
  return field;
}

void read_upstream_tls(const Node& node, const Reading& reading, Cluster& into) {
  read_client_tls(node, reading, into.tls.emplace());
}

const Table<Dns>& dns_table() {
  static const Table<Dns> table = {
      word("family", &Dns::family, {"auto", "v4", "v6"}, "auto", "which addresses"),
      duration("min_ttl", &Dns::min_ttl, "1s", "asked again no sooner", Zero::refused),
      duration("max_ttl", &Dns::max_ttl, "5m", "asked again at the latest", Zero::refused),
      duration("timeout", &Dns::timeout, "2s", "for one question", Zero::refused),
  };
  return table;
}

Field<Cluster> upstream_tls() {
  Field<Cluster> field = nested("tls", &Cluster::tls, client_tls_table(), "speak TLS, verified");
  field.read = read_upstream_tls;
  return field;
}

void read_dns(const Node& node, const Reading& reading, Cluster& into) {
  Dns& dns = into.dns;
  read_table(node, reading, dns_table(), dns);
  if (dns.min_ttl > dns.max_ttl) reading.mistake(node, "`min_ttl` is longer than `max_ttl`");
}

Field<Cluster> dns() {
  Field<Cluster> field = nested("dns", &Cluster::dns, dns_table(), "how names are resolved");
  field.read = read_dns;
  return field;
}

const Table<Pool>& pool_table() {
  static const Table<Pool> table = {
      integer("connections", &Pool::connections, 1, 100'000, "10000",
              "open ones, of either protocol"),
      integer("streams", &Pool::streams, 1, 100'000, "100", "exchanges on one HTTP/2 connection"),
      integer("pending", &Pool::pending, 0, 1'000'000, "10000",
              "exchanges that wait for a connection"),
      duration("wait", &Pool::wait, "5s", "at most so long"),
      duration("hold", &Pool::hold, "3s", "while no endpoint can be connected to"),
      duration("idle", &Pool::idle, "30s", "an HTTP/2 connection without streams"),
      duration("idle_http1", &Pool::idle_http1, "4s", "an HTTP/1 connection without a request"),
      duration("max_age", &Pool::max_age, "1h", "+-10 %"),
      integer("max_requests", &Pool::max_requests, 0, 1'000'000'000, "0",
              "of one connection; 0 = any"),
      duration("ping", &Pool::ping, "0s", "interval of HTTP/2 PING; 0 = none"),
  };
  return table;
}

void read_host(const Node& node, const Reading& reading, Cluster& into) {
  const std::string* text = scalar_of(node, reading, "client, url or a name");
  if (!text) return;
  if (*text == "client") {
    into.host = HostRule::client;
  } else if (*text == "url") {
    into.host = HostRule::url;
  } else {
    if (!split_host_port(*text))
      return reading.mistake(node, "\"" + *text + "\" is not client, url or a host name");
    into.host = HostRule::fixed;
    into.fixed_host = *text;
  }
}

NodePtr write_host(const Cluster& cluster) {
  if (cluster.host == HostRule::fixed) return scalar(cluster.fixed_host);
  return scalar(cluster.host == HostRule::url ? "url" : "client");
}

Field<Cluster> endpoints() {
  Field<Cluster> field{"endpoints", "a list of endpoints", "", "addresses, instead of url",
                       read_endpoint_list};
  field.rows = endpoint_rows;
  return field;
}

const Table<Cluster>& cluster_table() {
  static const Table<Cluster> table = {
      {"url", "a URL", "",
       "scheme, host and port of the service: http, https, tcp or udp, the last two with a port",
       read_url},
      endpoints(),
      discovery(),
      {"host", "client, url or a name", "url for a DNS name, else client", "the host sent upstream",
       read_host, write_host},
      word("protocol", &Cluster::protocol, {"auto", "http1", "h2"}, "auto",
           "auto: by ALPN on TLS, HTTP/1.1 on cleartext"),
      upstream_tls(),
      dns(),
      load_balancer(),
      percentage("panic", &Cluster::panic, "50%",
                 "fewer healthy: all are used; 0% = never, then no_endpoint"),
      duration("slow_start", &Cluster::slow_start, "0s",
               "in which a new endpoint grows from 10 % to its whole weight"),
      duration("connect_timeout", &Cluster::connect_timeout, "3s", "TCP and TLS together",
               Zero::refused),
      word("proxy_protocol", &Cluster::proxy_protocol, {"none", "v1", "v2"}, "none",
           "the PROXY header, before TLS; a connection is then one client's"),
      nested("pool", &Cluster::pool, pool_table(), "connections, per endpoint and worker"),
      health(),
      outlier(),
      hash_on(),
      filters<Cluster>("for each attempt at this cluster"),
  };
  return table;
}

// A certificate's names do not end in a dot.
std::string without_dot(std::string host) {
  if (host.ends_with('.')) host.pop_back();
  return host;
}

void complete_tls(const Node& node, const Reading& reading, Cluster& cluster) {
  const Node* url = node.find("url");
  if (cluster.url.starts_with("http://") && cluster.tls)
    reading.mistake(*url,
                    {"`tls` goes with an https:// url",
                     ": write https://" + cluster.url.substr(std::string_view("http://").size())});
  if (is_https(cluster) && !cluster.tls) cluster.tls.emplace();
  if (!cluster.tls) return;
  ClientTls& tls = *cluster.tls;
  if (!cluster.endpoints.empty() && url && tls.server_name.empty())
    tls.server_name = without_dot(cluster.endpoints[0].host);
  const bool is_unnamed = tls.server_name.empty() && tls.san.empty() && !tls.insecure;
  if (!url && is_unnamed)
    reading.mistakes.add(
        node.entry("tls")->mark,
        "endpoints with `tls` need `server_name` or `san`: whose certificate is it?");
}

// What says something of requests alone, and of connections.
bool is_of_cluster_requests(std::string_view field) {
  return field == "host" || field == "protocol";
}
bool is_of_cluster_connections(std::string_view field) {
  return field == "tls" || field == "connect_timeout" || field == "pool" ||
         field == "proxy_protocol" || field == "health" || field == "outlier";
}

// Whether a field says nothing of what such a cluster takes.
bool is_void(std::string_view field, const Cluster& cluster) {
  if (cluster.is_udp()) return is_of_cluster_requests(field) || is_of_cluster_connections(field);
  return cluster.is_tcp() && is_of_cluster_requests(field);
}

void refuse_void(const Node& node, const Reading& reading, const Cluster& cluster) {
  for (const Node::Entry& field : node.entries)
    if (is_void(field.key, cluster))
      reading.mistakes.add(
          field.mark,
          "\"" + field.key + "\" is of " +
              (is_of_cluster_requests(field.key) ? "requests" : "connections") + ", and a " +
              (cluster.is_udp() ? "udp:// cluster takes datagrams" : "tcp:// cluster takes bytes") +
              ": leave it out");
}

// `mark`: of its name.
void check_source(const Node& node, const Mark& mark, const Reading& reading) {
  const Node::Entry* first = nullptr;
  for (const Node::Entry& field : node.entries) {
    if (field.key != "url" && field.key != "endpoints" && field.key != "discovery") continue;
    if (first)
      reading.mistakes.add(field.mark, "a cluster has one of `url`, `endpoints` and `discovery`, and `" +
                                           first->key + "` stands in line " +
                                           std::to_string(first->mark.line));
    first = &field;
  }
  if (node.is_map() && !first)
    reading.mistakes.add(mark,
                         "the cluster says nothing of where it is: write `url: "
                         "http://HOST:PORT`, `endpoints: [\"HOST:PORT\"]` or `discovery: { file: "
                         "PATH }`");
}

}  // namespace

Cluster parse_cluster(const Node::Entry& entry, const Reading& reading) {
  Cluster cluster;
  const Node node = read_named(entry, reading, cluster_table(), cluster);
  check_source(node, entry.mark, reading);
  const bool has_url = node.find("url") != nullptr;
  const bool has_name = has_url && !cluster.endpoints.empty() &&
                        !is_ip(cluster.endpoints[0].host) &&
                        cluster.endpoints[0].host != "localhost";
  const Node* host = node.find("host");
  if (!host) cluster.host = has_name ? HostRule::url : HostRule::client;
  if (host && cluster.host == HostRule::url && !has_url)
    reading.mistake(*host, "`host: url` needs a url: write `client` or a name");
  complete_tls(node, reading, cluster);
  refuse_void(node, reading, cluster);
  check_balancing(node, reading, cluster);
  return cluster;
}

// What was made of a url in which a variable stands is shown no more than the variable's value.
NodePtr write_cluster(const NodePtr& written, const Cluster& cluster) {
  const Node* url = written ? written->find("url") : nullptr;
  Cluster shown = cluster;
  if (url && url->has_variables() && shown.tls) shown.tls->server_name.clear();
  NodePtr all = write_table(written, cluster_table(), shown);
  if (!cluster.is_tcp() && !cluster.is_udp()) return all;
  std::vector<Node::Entry> entries = all->entries;
  std::erase_if(entries, [&](const Node::Entry& entry) { return is_void(entry.key, cluster); });
  return map(std::move(entries));
}

std::vector<Row> cluster_rows() {
  return rows_of(cluster_table());
}

}  // namespace config
