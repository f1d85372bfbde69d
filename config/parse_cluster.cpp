#include "config/parse.hpp"
#include "config/words.hpp"

namespace config {
namespace {

struct Written {
  Cluster cluster;
  const Node* url = nullptr;
  bool is_https = false;
  bool has_tls = false;
};

void read_url(const Node& node, const Context& context, Written& into) {
  const std::string* text = scalar_of(node, context, "a URL");
  if (!text) return;
  into.url = &node;
  into.cluster.url = *text;
  const std::size_t scheme_end = text->find("://");
  const std::string scheme = text->substr(0, scheme_end);
  if (scheme_end == text->npos ||
      (scheme != "http" && scheme != "https" && scheme != "tcp" && scheme != "udp"))
    return context.mistake(node, "\"" + *text + "\" is not a URL: http://host:port or https://...");
  if (scheme == "tcp" || scheme == "udp")
    return context.mistake(node, scheme + ":// clusters are not yet in this version");
  std::string_view authority = std::string_view(*text).substr(scheme_end + 3);
  if (authority.find('@') != authority.npos)
    return context.mistake(node, "a cluster's URL has no user");
  if (authority.find_first_of("/?#") != authority.npos)
    return context.mistake(node, "a cluster's URL has no path, query or fragment: use `rewrite`");
  into.is_https = scheme == "https";
  const auto parts = split_host_port(authority);
  if (!parts)
    return context.mistake(node, "\"" + std::string(authority) + "\" is not host or host:port");
  const std::uint16_t default_port = into.is_https ? 443 : 80;
  into.cluster.url_authority = authority;
  if (parts->port == default_port)
    into.cluster.url_authority = authority.substr(0, authority.rfind(':'));
  Endpoint endpoint;
  endpoint.host = parts->host;
  endpoint.port = parts->port.value_or(default_port);
  into.cluster.endpoints = {std::move(endpoint)};
}

void read_endpoint_address(const Node& node, const Context& context, Endpoint& into) {
  const std::string* text = scalar_of(node, context, "an address");
  if (!text) return;
  if (text->starts_with("unix:")) {
    base::Address address;
    read_address(node, context, address);
    into.is_unix = true;
    into.host = address.path();
    return;
  }
  const auto parts = split_host_port(*text);
  if (!parts || !parts->port)
    return context.mistake(node, "\"" + *text + "\" is not ip:port, name:port or unix:/path");
  into.host = parts->host;
  into.port = *parts->port;
}

const Table<Endpoint>& endpoint_table() {
  static const Table<Endpoint> table = {
      required(Field<Endpoint>{"address", "an address", "", "ip:port, name:port or unix:/path",
                               read_endpoint_address}),
      {"weight", "a whole number", "1", "1 to 1000",
       [](const Node& node, const Context& context, Endpoint& into) {
         std::uint64_t weight = 1;
         read_integer(node, context, 1, 1000, weight);
         into.weight = static_cast<std::uint32_t>(weight);
       }},
      later<Endpoint>("zone", "where it stands"),
  };
  return table;
}

void read_endpoints(const Node& node, const Context& context, Written& into) {
  if (!node.is_list()) return context.mistake(node, wrong_kind(node, "a list of endpoints"));
  if (node.items.empty()) context.mistake(node, "at least one endpoint is needed");
  for (const NodePtr& item : node.items) {
    Endpoint endpoint;
    if (item->is_map())
      read_table(*item, context, endpoint_table(), endpoint);
    else
      read_endpoint_address(*item, context, endpoint);
    into.cluster.endpoints.push_back(std::move(endpoint));
  }
}

Field<ClientTls> path_field(std::string_view name, std::string ClientTls::*member,
                            std::string_view doc) {
  return {name, "a path", "", doc, [=](const Node& node, const Context& context, ClientTls& into) {
            read_path(node, context, into.*member);
          }};
}

void read_san(const Node& node, const Context& context, ClientTls& into) {
  for_each_text(node, context, [&](const Node& item, const std::string& name) {
    if (!is_host_name(name) && !is_ip(name) && !name.starts_with("spiffe://"))
      context.mistake(item, "\"" + name + "\" is neither a DNS name nor a spiffe:// URI");
    into.san.push_back(name);
  });
  if (node.is_list() && node.items.empty())
    context.mistake(node, "at least one name is needed: without `san` it is `server_name`");
}

const Table<ClientTls>& tls_table() {
  static const Table<ClientTls> table = {
      path_field("ca", &ClientTls::ca, "who signs the endpoints; absent = the system's store"),
      path_field("cert", &ClientTls::cert, "our own certificate"),
      path_field("key", &ClientTls::key, "its private key"),
      {"server_name", "a name", "the url's host", "the name to verify; SNI",
       [](const Node& node, const Context& context, ClientTls& into) {
         const std::string* text = scalar_of(node, context, "a name");
         if (text && !is_host_name(*text) && !is_ip(*text))
           context.mistake(node, "\"" + *text + "\" is not a host name");
         if (text) into.server_name = *text;
       }},
      {"san", "names", "", "DNS names or spiffe:// URIs that replace the name check", read_san},
      {"min_version", "a version", "1.2", "1.2 or 1.3",
       [](const Node& node, const Context& context, ClientTls& into) {
         read_word(node, context, {"1.2", "1.3"},
                   [&](std::size_t index) { into.min_version = index == 0 ? "1.2" : "1.3"; });
       }},
      boolean("insecure", &ClientTls::insecure, "false", "skip all verification"),
  };
  return table;
}

void read_tls(const Node& node, const Context& context, Written& into) {
  into.has_tls = true;
  ClientTls& tls = into.cluster.tls.emplace();
  read_table(node, context, tls_table(), tls);
  if (tls.cert.empty() != tls.key.empty()) context.mistake(node, "`cert` and `key` go together");
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

void read_dns(const Node& node, const Context& context, Written& into) {
  Dns& dns = into.cluster.dns;
  read_table(node, context, dns_table(), dns);
  if (dns.min_ttl > dns.max_ttl) context.mistake(node, "`min_ttl` is longer than `max_ttl`");
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

void read_host(const Node& node, const Context& context, Written& into) {
  const std::string* text = scalar_of(node, context, "client, url or a name");
  if (!text) return;
  if (*text == "client") {
    into.cluster.host = HostRule::client;
  } else if (*text == "url") {
    into.cluster.host = HostRule::url;
  } else {
    if (!split_host_port(*text))
      return context.mistake(node, "\"" + *text + "\" is not client, url or a host name");
    into.cluster.host = HostRule::fixed;
    into.cluster.fixed_host = *text;
  }
}

void read_balancing(const Node& node, const Context& context, Written& into) {
  read_word(node, context,
            {"least_request", "round_robin", "ewma", "random", "ring_hash", "maglev"},
            [&](std::size_t index) {
              if (index > 1) return not_yet(node, context, node.text);
              into.cluster.load_balancer = static_cast<Balancing>(index);
            });
}

const Table<Written>& cluster_table() {
  static const Table<Written> table = {
      {"url", "a URL", "", "scheme, host and port of the service", read_url},
      {"endpoints", "a list", "", "addresses, instead of url", read_endpoints},
      later<Written>("discovery", "endpoints from DNS SRV or a file"),
      {"host", "client, url or a name", "url for a DNS name, else client", "the host sent upstream",
       read_host},
      {"protocol", "one word", "auto", "auto, http1 or h2",
       [](const Node& node, const Context& context, Written& into) {
         read_word(node, context, {"auto", "http1", "h2"}, [&](std::size_t index) {
           into.cluster.protocol = static_cast<Protocol>(index);
         });
       }},
      {"tls", "a map", "", "speak TLS, verified", read_tls},
      {"dns", "a map", "", "how names are resolved", read_dns},
      {"load_balancer", "one word", "least_request", "which endpoint is next", read_balancing},
      only<Written>("panic", "50%", "when too few are healthy"),
      only<Written>("slow_start", "0s", "for new endpoints"),
      {"connect_timeout", "a duration", "3s", "TCP and TLS together",
       [](const Node& node, const Context& context, Written& into) {
         read_duration(node, context, Zero::refused, into.cluster.connect_timeout);
       }},
      only<Written>("proxy_protocol", "none", "the PROXY header"),
      {"pool", "a map", "", "connections, per endpoint and worker",
       [](const Node& node, const Context& context, Written& into) {
         read_table(node, context, pool_table(), into.cluster.pool);
       }},
      later<Written>("health", "active health checks"),
      later<Written>("outlier", "ejection of endpoints that fail"),
      later<Written>("hash_on", "for ring_hash and maglev"),
      {"filters", "a list of filters", "[]", "for each attempt at this cluster",
       [](const Node& node, const Context& context, Written& into) {
         parse_filters(node, context, into.cluster.filters);
       }},
  };
  return table;
}

// A certificate's names do not end in a dot.
std::string without_dot(std::string host) {
  if (host.ends_with('.')) host.pop_back();
  return host;
}

void complete_tls(const Node::Entry& entry, const Context& context, Written& written) {
  Cluster& cluster = written.cluster;
  if (written.url && !written.is_https && written.has_tls)
    context.mistakes.add(entry.mark, "`tls` with an http:// url: write https://");
  if (written.is_https && !cluster.tls) cluster.tls.emplace();
  if (!cluster.tls) return;
  ClientTls& tls = *cluster.tls;
  if (!cluster.endpoints.empty() && written.url && tls.server_name.empty())
    tls.server_name = without_dot(cluster.endpoints[0].host);
  const bool is_unnamed = tls.server_name.empty() && tls.san.empty() && !tls.insecure;
  if (!written.url && is_unnamed)
    context.mistakes.add(entry.mark, "endpoints with `tls` need `server_name` or `san`");
}

}  // namespace

Cluster parse_cluster(const Node::Entry& entry, const Context& context) {
  Written written;
  Cluster& cluster = written.cluster;
  cluster.name = entry.key;
  cluster.mark = entry.mark;
  if (std::string problem = name_problem(cluster.name); !problem.empty())
    context.mistakes.add(entry.mark, std::move(problem));
  read_table(*entry.value, context, cluster_table(), written);
  const Node& node = *entry.value;
  const int ways = (node.find("url") ? 1 : 0) + (node.find("endpoints") ? 1 : 0) +
                   (node.find("discovery") ? 1 : 0);
  if (node.is_map() && ways != 1)
    context.mistakes.add(entry.mark, "a cluster has exactly one of `url` and `endpoints`");
  const bool has_name = written.url && !cluster.endpoints.empty() &&
                        !is_ip(cluster.endpoints[0].host) &&
                        cluster.endpoints[0].host != "localhost";
  if (!node.find("host")) cluster.host = has_name ? HostRule::url : HostRule::client;
  if (cluster.host == HostRule::url && !written.url)
    context.mistakes.add(entry.mark, "`host: url` needs a url");
  complete_tls(entry, context, written);
  return std::move(cluster);
}

}  // namespace config
