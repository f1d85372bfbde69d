#include "config/parse.hpp"
#include "config/words.hpp"

#include <algorithm>

namespace config {
namespace {

struct Written {
  Listener listener;
  std::optional<Direction> direction;
  std::optional<bool> normalize_path;
  std::optional<bool> reject_encoded_slash;
};

void read_bind(const Node& node, const Context& context, Written& into) {
  for_each_text(node, context, [&](const Node& item, const std::string&) {
    base::Address address;
    read_address(item, context, address);
    if (address.is_ip() || address.is_unix()) into.listener.bind.push_back(address);
  });
  if (node.is_list() && node.items.empty()) context.mistake(node, "at least one address is needed");
}

void read_protocols(const Node& node, const Context& context, Written& into) {
  into.listener.http1 = into.listener.h2 = false;
  for_each_text(node, context, [&](const Node& item, const std::string& name) {
    bool Listener::*const member = name == "http1" ? &Listener::http1 : &Listener::h2;
    if (name != "http1" && name != "h2")
      return context.mistake(item, "\"" + name + "\" is not a protocol: http1 or h2");
    if (into.listener.*member) context.mistake(item, "\"" + name + "\" stands here twice");
    into.listener.*member = true;
  });
  if (node.is_list() && node.items.empty())
    context.mistake(node, "at least one protocol is needed: http1 or h2");
}

void read_trust(const Node& node, const Context& context, Forwarded& into) {
  for_each_text(node, context, [&](const Node& item, const std::string& range) {
    if (!base::AddressRange::parse(range))
      context.mistake(item, "\"" + range + "\" is not an address or a range such as 10.0.0.0/8");
    into.trust.push_back(range);
  });
}

const Table<Forwarded>& forwarded_table() {
  static const Table<Forwarded> table = {
      {"trust", "addresses and ranges", "[]", "peers that may say who they forward for",
       read_trust},
      integer("hops", &Forwarded::hops, 1, 32, "1",
              "the client is so many addresses from the right"),
      {"send", "one word", "x_forwarded inbound, none outbound", "what is sent upstream",
       [](const Node& node, const Context& context, Forwarded& into) {
         read_word(node, context, {"none", "x_forwarded", "forwarded", "both"},
                   [&](std::size_t index) { into.send = static_cast<SendForwarded>(index); });
       }},
  };
  return table;
}

template <typename Struct>
Field<Struct> path_field(std::string_view name, std::string Struct::*member, std::string_view doc) {
  return {name, "a path", "", doc, [=](const Node& node, const Context& context, Struct& into) {
            read_path(node, context, into.*member);
          }};
}

template <typename Struct> Field<Struct> min_version_field() {
  return {"min_version", "a version", "1.2", "1.2 or 1.3",
          [](const Node& node, const Context& context, Struct& into) {
            read_word(node, context, {"1.2", "1.3"},
                      [&](std::size_t index) { into.min_version = index == 0 ? "1.2" : "1.3"; });
          }};
}

struct WrittenTls : ServerTls {
  std::optional<ClientAuth> auth;
};

const Table<WrittenTls>& tls_table() {
  static const Table<WrittenTls> table = {
      required(path_field<WrittenTls>("cert", &WrittenTls::cert, "the certificate and its chain")),
      required(path_field<WrittenTls>("key", &WrittenTls::key, "the certificate's private key")),
      path_field<WrittenTls>("client_ca", &WrittenTls::client_ca, "who signs clients"),
      {"client_auth", "one word", "require with client_ca, else none", "mutual TLS",
       [](const Node& node, const Context& context, WrittenTls& into) {
         read_word(node, context, {"none", "request", "require"},
                   [&](std::size_t index) { into.auth = static_cast<ClientAuth>(index); });
       }},
      min_version_field<WrittenTls>(),
  };
  return table;
}

void read_tls(const Node& node, const Context& context, Written& into) {
  WrittenTls tls;
  read_table(node, context, tls_table(), tls);
  const bool has_ca = !tls.client_ca.empty();
  tls.client_auth = tls.auth.value_or(has_ca ? ClientAuth::require : ClientAuth::none);
  if (tls.client_auth != ClientAuth::none && !has_ca)
    context.mistake(node, "`client_auth` needs `client_ca`: who signs the clients' certificates");
  if (tls.auth == ClientAuth::none && has_ca)
    context.mistake(node, "`client_ca` is of no use with `client_auth: none`");
  into.listener.tls = tls;
}

void read_direction(const Node& node, const Context& context, Written& into) {
  read_word(node, context, {"outbound", "inbound"},
            [&](std::size_t index) { into.direction = static_cast<Direction>(index); });
}

void read_normalize_path(const Node& node, const Context& context, Written& into) {
  bool value = false;
  read_boolean(node, context, value);
  into.normalize_path = value;
}

void read_encoded_slash(const Node& node, const Context& context, Written& into) {
  read_word(node, context, {"keep", "reject"},
            [&](std::size_t index) { into.reject_encoded_slash = index == 1; });
}

Field<Written> timeout(std::string_view name, Millis Listener::*member, std::string_view fallback,
                       std::string_view doc, Zero zero) {
  return {name, "a duration", fallback, doc,
          [=](const Node& node, const Context& context, Written& into) {
            read_duration(node, context, zero, into.listener.*member);
          }};
}

const Table<Written>& listener_table() {
  static const Table<Written> table = {
      required(Field<Written>{"bind", "an address or a list", "", "where it listens", read_bind}),
      {"direction", "one word", "outbound if every address is loopback or unix",
       "outbound: the client is the owner's app", read_direction},
      {"protocols", "a list", "[http1, h2]", "http1, h2", read_protocols},
      timeout("handshake_timeout", &Listener::handshake_timeout, "5s", "TLS, HTTP/2 preface",
              Zero::refused),
      timeout("idle_timeout", &Listener::idle_timeout, "60s", "a connection without a request",
              Zero::refused),
      timeout("header_timeout", &Listener::header_timeout, "10s", "a request's header section",
              Zero::refused),
      timeout("body_timeout", &Listener::body_timeout, "30s", "no byte of a request's body",
              Zero::refused),
      timeout("send_timeout", &Listener::send_timeout, "30s", "a client that takes nothing",
              Zero::refused),
      {"normalize_path", "true or false", "false outbound, true inbound", "decode and remove dots",
       read_normalize_path},
      {"encoded_slash", "one word", "keep outbound, reject inbound", "%2F in a path",
       read_encoded_slash},
      {"forwarded", "a map", "", "who may say for whom it forwards",
       [](const Node& node, const Context& context, Written& into) {
         read_table(node, context, forwarded_table(), into.listener.forwarded);
       }},
      only<Written>("proxy_protocol", "none", "the PROXY header"),
      {"tls", "a map", "", "serve TLS", read_tls},
      {"filters", "a list of filters", "[]", "for every request",
       [](const Node& node, const Context& context, Written& into) {
         parse_filters(node, context, into.listener.filters);
       }},
      {"routes", "a list of routes", "", "the first match wins",
       [](const Node& node, const Context& context, Written& into) {
         into.listener.routes = parse_routes(node, context, into.listener.name);
       }},
      later<Written>("tcp", "opaque bytes"),
      later<Written>("udp", "datagrams"),
  };
  return table;
}

bool is_local(const base::Address& address) {
  return address.is_unix() || address.is_loopback();
}

}  // namespace

Listener parse_listener(const Node::Entry& entry, const Context& context) {
  Written written;
  Listener& listener = written.listener;
  listener.name = entry.key;
  listener.mark = entry.mark;
  if (std::string problem = name_problem(listener.name); !problem.empty())
    context.mistakes.add(entry.mark, std::move(problem));
  read_table(*entry.value, context, listener_table(), written);
  const bool is_outbound = std::all_of(listener.bind.begin(), listener.bind.end(), is_local);
  listener.direction =
      written.direction.value_or(is_outbound ? Direction::outbound : Direction::inbound);
  const bool is_inbound = listener.direction == Direction::inbound;
  listener.normalize_path = written.normalize_path.value_or(is_inbound);
  listener.reject_encoded_slash = written.reject_encoded_slash.value_or(is_inbound);
  if (!listener.forwarded.send)
    listener.forwarded.send = is_inbound ? SendForwarded::x_forwarded : SendForwarded::none;
  const bool has_routes = entry.value->find("routes") || entry.value->find("tcp") ||
                          entry.value->find("udp") || !entry.value->is_map();
  if (!has_routes)
    context.mistakes.add(entry.mark, "the listener has no `routes`: where do requests go?");
  return std::move(listener);
}

}  // namespace config
