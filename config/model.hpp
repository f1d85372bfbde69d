// What one configuration file says, checked: plain values with their defaults. Made by load(),
// never changed afterwards. Any thread.
#pragma once

#include "config/hidden.hpp"
#include "config/mistakes.hpp"
#include "proxy/base/address.hpp"
#include "proxy/base/client_auth.hpp"
#include "proxy/base/log.hpp"
#include "proxy/base/time.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace config {

using base::ClientAuth;
using base::Millis;

struct FilterSpec;

// One filter in a list, its options read by its own table (see FilterSpec).
struct FilterConfig {
  std::string name;
  const FilterSpec* spec = nullptr;
  std::shared_ptr<const void> options;
  Mark mark;
  int ordinal = 0;       // how many of the same kind stand before it in its list
  std::string fields{};  // all in force, as canonical() writes them: equal texts, equal options

  template <typename Options> const Options& as() const {
    return *static_cast<const Options*>(options.get());
  }
};
using Filters = std::vector<FilterConfig>;

// Where files and addresses are named, by their text as it stands in the model: for what is found
// out about them later.
struct Places : std::map<std::string, Mark> {
  // Settings are the same wherever they are written.
  friend bool operator==(const Places&, const Places&) { return true; }
};

struct NodeInfo {
  std::string service = "outrider";
  std::string id;  // default: the host name
  std::string zone = "local";

  bool operator==(const NodeInfo&) const = default;
};

struct LogSettings {
  std::string to = "stderr";  // stderr, stdout or a file
  base::Level level = base::Level::info;
  bool is_json = false;
  Places places;
};

struct Limits {
  std::uint64_t connections = 10'000;
  std::uint64_t source_connections = 1024;
  std::uint64_t header_bytes = 32 * 1024;
  std::uint64_t header_count = 100;
  std::uint64_t target_bytes = 8 * 1024;
  std::uint64_t trailer_bytes = 32 * 1024;
  std::uint64_t response_header_bytes = 64 * 1024;
  std::uint64_t response_header_count = 200;
  std::uint64_t memory = 256ULL * 1024 * 1024;
};

struct Drain {
  Millis delay{0};
  Millis timeout{30'000};
};

enum class AccessLogFormat : std::uint8_t { json, text, none };

struct AccessLog {
  std::string to = "stdout";  // stdout, stderr, a file, or "syslog:" and a socket's path
  AccessLogFormat format = AccessLogFormat::json;
  std::string line;                 // a template of its lines, if the format is text; "" = none
  std::vector<std::string> fields;  // of lines in JSON; empty = all
  std::string when;                 // an expression that was read; "" = always
  std::uint32_t sample = 10'000;    // of what ended well, in 1/100 %
  Places places;

  bool operator==(const AccessLog&) const = default;
};

struct Admin {
  base::Address bind;
  std::uint32_t mode = 0660;  // of a unix socket
  std::string owner;          // "user:group"; "" = the process's
  base::Address probes;       // of /live, /ready and /metrics alone; none = no such port
  std::string token;          // the path of a file; "" = nobody has to bear one
  Places places;
};

// What says that the app is ready: an answer of 2xx, or that it accepts a connection.
struct Ready {
  std::string text;  // as it was written
  bool is_http = false;
  std::string host;  // a name or an IP
  std::uint16_t port = 80;
  std::string authority;  // as it was written
  std::string path = "/";

  bool operator==(const Ready&) const = default;
};

// The application that runs as this process's child.
struct App {
  std::vector<std::string> command;  // and its arguments; empty: behind `--` of the command line
  Mark mark;                         // of its first word
  std::optional<Ready> ready;        // none = as soon as it runs
  Millis start_timeout{60'000};
  Millis stop_timeout{10'000};
};

struct ServerTls {
  std::string cert, key;  // paths
  std::string client_ca;
  ClientAuth client_auth = ClientAuth::none;
  std::string min_version = "1.2";
  Places places;

  bool operator==(const ServerTls&) const = default;
};

struct ClientTls {
  std::string ca;  // "" = the system's store
  std::string cert, key;
  std::string server_name;  // default: the url's host
  std::vector<std::string> san;
  std::string min_version = "1.2";
  bool insecure = false;
  Places places;  // and that of `insecure`

  bool operator==(const ClientTls&) const = default;
};

// The fields by which a request says which trace it is a part of.
enum class Propagation : std::uint8_t { w3c, b3 };

// Where spans go, and of which exchanges.
struct Trace {
  std::string to;  // a URL, as it was written
  bool is_tls = false;
  std::string host;  // a name or an IP
  std::uint16_t port = 4318;
  std::string authority;
  std::string path;
  std::uint32_t sample = 100;  // of the traces that begin here, in 1/100 %
  std::vector<std::pair<std::string, std::string>> headers;
  std::vector<Propagation> propagation = {Propagation::w3c};  // the first that says something
  std::optional<ClientTls> tls;
  Mark mark;
  Places places;

  bool operator==(const Trace& other) const {
    return to == other.to && sample == other.sample && headers == other.headers &&
           propagation == other.propagation && tls == other.tls;
  }
};

enum class SendForwarded : std::uint8_t { none, x_forwarded, forwarded, both };

struct Forwarded {
  std::vector<std::string> trust;  // addresses and ranges, checked
  std::uint64_t hops = 1;
  std::optional<SendForwarded> send;  // default: x_forwarded inbound, none outbound
};

// A header or query condition: the name, and its value or "*" for any.
using NamedValues = std::vector<std::pair<std::string, std::string>>;

struct Match {
  std::vector<std::string> host;  // canonical: lower case, no trailing dot
  std::vector<std::string> path;  // exact, or ending in /*
  std::string path_regex;         // "" = none
  int groups = 0;                 // that it captures
  std::vector<std::string> method;
  NamedValues headers;
  NamedValues query;
  bool is_grpc = false;  // and of gRPC's content type: path and method say which call
};

struct Rewrite {
  std::string path;  // "" = as it is
  std::string host;
};

struct Redirect {
  std::string scheme, host, path;  // "" = as it was
  std::optional<std::uint16_t> port;
  int status = 308;
};

struct Respond {
  int status = 200;
  std::string body;
  NamedValues headers;
};

struct Share {
  std::string cluster;
  std::uint32_t parts = 10'000;  // of 10 000
  Mark mark;
};

// A copy of each request, or of some, to another cluster, whose answers nobody sees.
struct Mirror {
  std::string to;
  std::uint32_t sample = 10'000;  // in 1/100 %
  Mark mark;
};

struct Route {
  std::string name;
  Mark mark;
  Match match;
  std::vector<Share> to;  // exactly one of these three
  std::optional<Redirect> redirect;
  std::optional<Respond> respond;
  Rewrite rewrite;
  std::optional<Mirror> mirror;
  Filters filters;
};

// Of a listener that carries opaque bytes.
struct Tcp {
  std::vector<Share> to;
  Millis idle{3'600'000};
};

// Of a listener that carries datagrams: a session for each address that they come from.
struct Udp {
  std::vector<Share> to;
  Millis idle{60'000};
  std::uint64_t sessions = 10'000;  // at a time
};

enum class Direction : std::uint8_t { outbound, inbound };

struct Listener {
  std::string name;
  Mark mark;
  std::vector<base::Address> bind;
  Places places;
  std::uint32_t mode = 0660;  // of its unix sockets
  std::string owner;          // "user:group"; "" = the process's
  Direction direction = Direction::inbound;
  bool http1 = true;
  bool h2 = true;
  Millis handshake_timeout{5'000};
  Millis idle_timeout{60'000};
  Millis header_timeout{10'000};
  Millis body_timeout{30'000};
  Millis send_timeout{30'000};
  bool normalize_path = false;
  bool reject_encoded_slash = false;
  Forwarded forwarded;
  std::optional<ServerTls> tls;
  Filters filters;
  std::vector<Route> routes;
  bool accepts_proxy_protocol = false;  // from `forwarded.trust`, and then required
  std::optional<Tcp> tcp;               // then `routes` is the one that its connections take
  std::optional<Udp> udp;               // likewise, its sessions

  bool carries_requests() const { return !tcp && !udp; }
};

struct Endpoint {
  std::string host;  // a name or an IP; a path for unix
  std::uint16_t port = 0;
  bool is_unix = false;
  std::uint32_t weight = 1;
  std::string zone;  // "" = not said

  bool operator==(const Endpoint&) const = default;
};

// Where a cluster's endpoints are read, as they come and go: exactly one of these.
struct Discovery {
  std::string file;  // a path
  std::string srv;   // a name
  Places places;

  bool operator==(const Discovery&) const = default;
};

enum class Family : std::uint8_t { automatic, ipv4, ipv6 };

struct Dns {
  Family family = Family::automatic;
  Millis min_ttl{1'000};
  Millis max_ttl{300'000};
  Millis timeout{2'000};

  bool operator==(const Dns&) const = default;
};

struct Pool {
  std::uint64_t connections = 10'000;
  std::uint64_t streams = 100;
  std::uint64_t pending = 10'000;
  Millis wait{5'000};
  Millis hold{
      3'000};  // since the first refusal, while no endpoint can be connected to; 0 = not at all
  Millis idle{30'000};
  Millis idle_http1{4'000};
  Millis max_age{3'600'000};
  std::uint64_t max_requests = 0;
  Millis ping{0};

  bool operator==(const Pool&) const = default;
};

enum class HttpVersion : std::uint8_t { automatic, http1, h2 };
enum class Balancing : std::uint8_t { least_request, round_robin, ewma, random, ring_hash, maglev };
enum class HostRule : std::uint8_t { client, url, fixed };
enum class ProxyProtocol : std::uint8_t { none, v1, v2 };

// When an endpoint that fails is left out, and for how long.
struct Outlier {
  std::uint64_t consecutive_failures = 5;
  Millis eject_for{30'000};
  std::uint32_t max_ejected = 5'000;  // of 10 000
};

// Asks each endpoint from time to time whether it is well. One of `path`, `tcp` and `grpc`.
struct Health {
  std::string path;  // "" = another
  bool tcp = false;
  std::optional<std::string> grpc;  // a service; "" = the whole server
  Millis interval{10'000};
  Millis timeout{1'000};
  std::uint64_t healthy_after = 2;
  std::uint64_t unhealthy_after = 3;
  std::vector<std::pair<int, int>> expect = {{200, 299}};  // statuses, both ends included

  bool operator==(const Health&) const = default;
};

// What of a request decides where it goes: a selector, or a cookie that is set where there is none.
struct HashOn {
  std::string selector;
  std::string cookie;  // "" = the selector
  Millis ttl{0};       // 0 = until the browser is closed
  std::string path = "/";
};

struct Cluster {
  std::string name;
  Mark mark;
  std::string url;                  // "" = endpoints, or discovery
  std::vector<Endpoint> endpoints;  // of the url too: one
  std::optional<Discovery> discovery;
  std::string url_authority;        // without a default port
  HostRule host = HostRule::client;
  std::string fixed_host;
  HttpVersion protocol = HttpVersion::automatic;
  std::optional<ClientTls> tls;  // also for an https url without `tls`
  Dns dns;
  Balancing load_balancer = Balancing::least_request;
  std::optional<HashOn> hash_on;
  std::uint32_t panic = 5'000;  // of 10 000
  Millis slow_start{0};
  std::optional<Health> health;
  Outlier outlier;
  Millis connect_timeout{3'000};
  ProxyProtocol proxy_protocol = ProxyProtocol::none;
  Pool pool;
  Filters filters;

  bool is_tcp() const { return url.starts_with("tcp:"); }
  bool is_udp() const { return url.starts_with("udp:"); }
};

struct Config {
  std::string file;
  std::uint64_t workers = 0;  // 0 = auto
  NodeInfo node;
  LogSettings log;
  Limits limits;
  Drain drain;
  AccessLog access_log;
  std::optional<Admin> admin;
  std::optional<Trace> trace;
  std::optional<App> app;
  std::vector<Listener> listeners;  // in the order of the file
  std::vector<Cluster> clusters;
  Places lasting;  // what a reload cannot change, as in "limits.connections", as far as it is written
  std::string effective;          // as YAML, with every default, secrets redacted
  std::vector<Mistake> warnings;  // what hardly anybody means
  Hidden hidden;                  // from whatever is said about it

  // What is found out about what stands at these places, as it may be shown.
  std::string shown(const Places& places, std::string message) const {
    for (const auto& [text, mark] : places) message = hidden.without(mark, std::move(message));
    return message;
  }

  const Cluster* find_cluster(const std::string& name) const {
    for (const Cluster& cluster : clusters)
      if (cluster.name == name) return &cluster;
    return nullptr;
  }
};

}  // namespace config
