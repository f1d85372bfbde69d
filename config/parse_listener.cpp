#include "config/parse.hpp"
#include "config/unix_access.hpp"
#include "config/words.hpp"

#include <algorithm>
#include <array>

namespace config {
namespace {

void read_bind(const Node& node, const Reading& reading, Listener& into) {
  for_each_text(node, reading, [&](const Node& item, const std::string&) {
    base::Address address;
    read_address(item, reading, address);
    if (address.is_none()) return;
    into.bind.push_back(address);
    into.places[address.to_string()] = item.mark;
  });
  if (node.is_list() && node.items.empty()) reading.mistake(node, "at least one address is needed");
}

void read_protocols(const Node& node, const Reading& reading, Listener& into) {
  into.http1 = into.h2 = false;
  for_each_text(node, reading, [&](const Node& item, const std::string& name) {
    bool Listener::*const member = name == "http1" ? &Listener::http1 : &Listener::h2;
    if (name != "http1" && name != "h2")
      return reading.mistake(item, none_of(name, {"http1", "h2"}));
    if (into.*member) reading.mistake(item, "\"" + name + "\" stands here twice");
    into.*member = true;
  });
  if (node.is_list() && node.items.empty())
    reading.mistake(node, "at least one protocol is needed: http1 or h2");
}

void read_trust(const Node& node, const Reading& reading, Forwarded& into) {
  for_each_text(node, reading, [&](const Node& item, const std::string& range) {
    if (!base::AddressRange::parse(range))
      reading.mistake(item, "\"" + range + "\" is not an address or a range such as 10.0.0.0/8");
    into.trust.push_back(range);
  });
}

constexpr const char* send_words[] = {"none", "x_forwarded", "forwarded", "both"};

const Table<Forwarded>& forwarded_table() {
  static const Table<Forwarded> table = {
      {"trust", "addresses and ranges", "[]", "peers that may say who they forward for", read_trust,
       [](const Forwarded& forwarded) { return list_of(forwarded.trust); }},
      integer("hops", &Forwarded::hops, 1, 32, "1",
              "the client is so many addresses from the right"),
      {"send", "one word", "x_forwarded inbound, none outbound", "what is sent upstream",
       [](const Node& node, const Reading& reading, Forwarded& into) {
         read_word(node, reading, {std::begin(send_words), std::end(send_words)},
                   [&](std::size_t index) { into.send = static_cast<SendForwarded>(index); });
       },
       [](const Forwarded& forwarded) -> NodePtr {
         if (!forwarded.send) return nullptr;
         return scalar(send_words[static_cast<std::size_t>(*forwarded.send)]);
       }},
  };
  return table;
}

const Table<ServerTls>& tls_table() {
  static const Table<ServerTls> table = {
      required(path("cert", &ServerTls::cert, "the certificate and its chain")),
      required(path("key", &ServerTls::key, "the certificate's private key")),
      path("client_ca", &ServerTls::client_ca, "who signs clients"),
      word("client_auth", &ServerTls::client_auth, {"none", "request", "require"},
           "require with client_ca, else none", "mutual TLS"),
      min_version<ServerTls>(),
  };
  return table;
}

void read_tls(const Node& node, const Reading& reading, Listener& into) {
  ServerTls& tls = into.tls.emplace();
  read_table(node, reading, tls_table(), tls);
  const bool has_ca = !tls.client_ca.empty();
  const Node* said = node.find("client_auth");
  if (!said && has_ca) tls.client_auth = ClientAuth::require;
  if (tls.client_auth != ClientAuth::none && !has_ca)
    reading.mistake(*said, "`client_auth` needs `client_ca`: who signs the clients' certificates");
  if (said && tls.client_auth == ClientAuth::none && has_ca)
    reading.mistake(*said, "`client_ca` is of no use with `client_auth: none`");
}

Field<Listener> tls() {
  Field<Listener> field = nested("tls", &Listener::tls, tls_table(), "serve TLS");
  field.read = read_tls;
  return field;
}

NodePtr write_bind(const Listener& listener) {
  std::vector<std::string> texts;
  for (const base::Address& address : listener.bind) texts.push_back(address.to_string());
  return list_of(texts);
}

NodePtr write_protocols(const Listener& listener) {
  std::vector<std::string> texts;
  if (listener.http1) texts.push_back("http1");
  if (listener.h2) texts.push_back("h2");
  return list_of(texts);
}

Field<Listener> routes() {
  Field<Listener> field{"routes", "a list of routes", "", "the first match wins",
                        [](const Node& node, const Reading& reading, Listener& into) {
                          into.routes = parse_routes(node, reading, into.name);
                        }};
  field.complete = [](const NodePtr& written, const Listener& listener) -> NodePtr {
    return listener.carries_requests() ? write_routes(written, listener.routes) : nullptr;
  };
  field.rows = route_rows;
  return field;
}

const Table<Tcp>& tcp_table() {
  static const Table<Tcp> table = {
      required(Field<Tcp>{"to", "a cluster, or shares", "",
                          "where connections go: a cluster with `url: tcp://HOST:PORT`, "
                          "`endpoints` or `discovery`",
                          [](const Node& node, const Reading& reading, Tcp& into) {
                            read_targets(node, reading, into.to);
                          }}),
      duration("idle", &Tcp::idle, "1h", "no byte either way", Zero::refused),
  };
  return table;
}

const Table<Udp>& udp_table() {
  static const Table<Udp> table = {
      required(Field<Udp>{"to", "a cluster, or shares", "",
                          "where datagrams go: a cluster with `url: udp://HOST:PORT`",
                          [](const Node& node, const Reading& reading, Udp& into) {
                            read_targets(node, reading, into.to);
                          }}),
      duration("idle", &Udp::idle, "60s", "no datagram either way", Zero::refused),
      integer("sessions", &Udp::sessions, 1, 1'000'000, "10000",
              "client addresses at a time; a new one beyond is not served"),
  };
  return table;
}

// What says something of requests alone.
constexpr std::array<std::string_view, 9> of_requests = {
    "protocols",      "idle_timeout",  "header_timeout", "body_timeout", "send_timeout",
    "normalize_path", "encoded_slash", "forwarded",      "routes"};

bool is_of_requests(std::string_view field) {
  return std::find(of_requests.begin(), of_requests.end(), field) != of_requests.end();
}

// What says something of connections, of which datagrams know none.
bool is_of_connections(std::string_view field) {
  return field == "tls" || field == "handshake_timeout" || field == "proxy_protocol";
}

// Whether a field says nothing where no requests are carried.
bool is_void(std::string_view field, const Listener& listener) {
  if (listener.carries_requests()) return false;
  if (field == "forwarded" && listener.accepts_proxy_protocol && listener.tcp) return false;
  return is_of_requests(field) || (listener.udp && is_of_connections(field));
}

void refuse_void(const Node& node, const Reading& reading, const Listener& listener) {
  const std::string kind = listener.udp ? "`udp`" : "`tcp`";
  for (const Node::Entry& entry : node.entries) {
    if (entry.key == "routes" || (entry.key == "tcp" && listener.udp))
      reading.mistakes.add(entry.mark, kind + " and `" + entry.key +
                                           "` exclude each other: a listener carries requests, "
                                           "bytes or datagrams");
    else if (is_void(entry.key, listener))
      reading.mistakes.add(entry.mark,
                           "\"" + entry.key + "\" is of " +
                               (is_of_requests(entry.key) ? "requests" : "connections") +
                               ", and a listener with " + kind + " carries none: leave it out");
  }
  if (!listener.udp) return;
  for (const base::Address& address : listener.bind)
    if (address.is_unix())
      reading.mistakes.add(listener.places.at(address.to_string()),
                           "datagrams come by ip:port, not by a path");
}

// A connection of opaque bytes is routed as a CONNECT: by one route, which matches it. So is a
// session of datagrams.
void complete_bytes(const Node& node, const Reading& reading, Listener& listener) {
  if (listener.carries_requests()) return;
  refuse_void(node, reading, listener);
  Route route;
  route.name = listener.name + ".1";
  route.mark = listener.mark;
  route.match.method = {"CONNECT"};
  route.to = listener.udp ? listener.udp->to : listener.tcp->to;
  listener.routes = {std::move(route)};
}

const Table<Listener>& listener_table() {
  constexpr Zero refused = Zero::refused;
  static const Table<Listener> table = {
      required(Field<Listener>{"bind", "an address or a list", "",
                               "where it listens, as in `bind: 127.0.0.1:15001`", read_bind,
                               write_bind}),
      mode<Listener>(),
      owner<Listener>(),
      word("direction", &Listener::direction, {"outbound", "inbound"},
           "outbound if every address is loopback or unix",
           "outbound: the client is the owner's app"),
      {"protocols", "a list of protocols", "[http1, h2]", "http1, h2", read_protocols,
       write_protocols},
      duration("handshake_timeout", &Listener::handshake_timeout, "5s",
               "PROXY header, TLS, HTTP/2 preface", refused),
      duration("idle_timeout", &Listener::idle_timeout, "60s", "a connection without a request",
               refused),
      duration("header_timeout", &Listener::header_timeout, "10s", "a request's header section",
               refused),
      duration("body_timeout", &Listener::body_timeout, "30s", "no byte of a request's body",
               refused),
      duration("send_timeout", &Listener::send_timeout, "30s", "a client that takes nothing",
               refused),
      boolean("normalize_path", &Listener::normalize_path, "false outbound, true inbound",
              "decode and remove dots"),
      word("encoded_slash", &Listener::reject_encoded_slash, {"keep", "reject"},
           "keep outbound, reject inbound", "%2F in a path"),
      nested("forwarded", &Listener::forwarded, forwarded_table(),
             "who may say for whom it forwards"),
      word("proxy_protocol", &Listener::accepts_proxy_protocol, {"none", "accept"}, "none",
           "accept: the PROXY header, from forwarded.trust only, and then required"),
      tls(),
      filters<Listener>("for every request"),
      routes(),
      nested("tcp", &Listener::tcp, tcp_table(), "carry opaque bytes instead of requests"),
      nested("udp", &Listener::udp, udp_table(), "carry datagrams instead of requests"),
  };
  return table;
}

// Whoever is not believed sends none, so with nobody believed nobody could.
void check_proxy_protocol(const Node& node, const Reading& reading, const Listener& listener) {
  const bool is_believed = !listener.forwarded.trust.empty();
  if (!listener.accepts_proxy_protocol || is_believed) return;
  reading.mistake(*node.find("proxy_protocol"),
                  "`proxy_protocol: accept` needs `forwarded: { trust: [ADDRESS, ...] }`: whose "
                  "header is believed?");
}

bool is_local(const base::Address& address) {
  return address.is_unix() || address.is_loopback();
}

}  // namespace

Listener parse_listener(const Node::Entry& entry, const Reading& reading) {
  Listener listener;
  const Node node = read_named(entry, reading, listener_table(), listener);
  const bool has_path = std::any_of(listener.bind.begin(), listener.bind.end(),
                                    [](const base::Address& each) { return each.is_unix(); });
  refuse_access_without_path(node, reading, has_path);
  const bool is_outbound = std::all_of(listener.bind.begin(), listener.bind.end(), is_local);
  if (!node.find("direction"))
    listener.direction = is_outbound ? Direction::outbound : Direction::inbound;
  const bool is_inbound = listener.direction == Direction::inbound;
  if (!node.find("normalize_path")) listener.normalize_path = is_inbound;
  if (!node.find("encoded_slash")) listener.reject_encoded_slash = is_inbound;
  if (!listener.forwarded.send)
    listener.forwarded.send = is_inbound ? SendForwarded::x_forwarded : SendForwarded::none;
  const bool has_routes = node.find("routes") || node.find("tcp") || node.find("udp");
  if (!has_routes && node.is_map())
    reading.mistakes.add(entry.mark, "the listener has no `routes`: where do requests go?");
  check_proxy_protocol(node, reading, listener);
  complete_bytes(node, reading, listener);
  return listener;
}

NodePtr write_listener(const NodePtr& written, const Listener& listener) {
  NodePtr shown = write_table(written, listener_table(), listener);
  if (listener.carries_requests()) return shown;
  std::vector<Node::Entry> entries = shown->entries;
  std::erase_if(entries, [&](const Node::Entry& entry) { return is_void(entry.key, listener); });
  return map(std::move(entries));
}

std::vector<Row> listener_rows() {
  return rows_of(listener_table());
}

}  // namespace config
