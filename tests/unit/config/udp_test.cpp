// Datagrams instead of requests, and the PROXY header: listeners with `udp` or `proxy_protocol`,
// clusters of udp:// and those that are told whose a connection is.
#include "tests/unit/config/files.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

using namespace config_test;

const std::string datagrams = "url: \"udp://10.0.3.9:3478\"";

std::string udp(const std::string& fields, const std::string& cluster = datagrams) {
  return file("bind: 127.0.0.1:0, " + fields, cluster);
}

std::string tcp(const std::string& fields, const std::string& cluster = "") {
  return file("bind: 127.0.0.1:0, " + fields, "url: \"tcp://10.0.3.9:5432\"" + cluster);
}

std::string http(const std::string& fields, const std::string& cluster = "") {
  return file("bind: 127.0.0.1:0, " + fields + "routes: [{ to: c }]", "url: http://a" + cluster);
}

config::Config loaded(const std::string& text) {
  const config::Loaded read = config::load_text("proxy.yaml", text, filters::specs());
  REQUIRE_MESSAGE(read.config, mistakes_of(text));
  return *read.config;
}

const std::string trusting = "proxy_protocol: accept, forwarded: { trust: [10.0.0.0/8] }, ";

TEST_CASE("config: a listener with `udp` takes sessions by one route") {
  const config::Config config = loaded(udp("udp: { to: c }"));
  const config::Listener& listener = config.listeners.front();
  REQUIRE(listener.udp);
  CHECK(listener.udp->idle == std::chrono::seconds(60));
  CHECK(listener.udp->sessions == 10'000);
  REQUIRE(listener.routes.size() == 1);
  CHECK(listener.routes.front().to.front().cluster == "c");
  CHECK(config.effective.find("    udp:\n      to: c\n      idle: 1m\n      sessions: 10000\n") !=
        std::string::npos);
  for (const char* absent : {"protocols", "header_timeout", "routes", "forwarded",
                             "handshake_timeout", "connect_timeout", "pool", "proxy_protocol"})
    CHECK_MESSAGE(config.effective.find(absent) == std::string::npos, absent);
  CHECK(loaded(config.effective).effective == config.effective);
}

TEST_CASE("config: who may say for whom a connection is, and who is told") {
  for (const std::string& text :
       {udp("udp: { to: c, idle: 5m, sessions: 10 }"), udp("udp: { to: { c: 100% } }"),
        http(trusting), http("", ", proxy_protocol: v1"), http("", ", proxy_protocol: none"),
        tcp(trusting + "tcp: { to: c }", ", proxy_protocol: v2"), http("proxy_protocol: none, ")}) {
    CAPTURE(text);
    CHECK(mistakes_of(text) == "");
    const config::Config config = loaded(text);
    CHECK(loaded(config.effective).effective == config.effective);
  }
  CHECK(loaded(http(trusting)).listeners.front().accepts_proxy_protocol);
  CHECK(loaded(http("", ", proxy_protocol: v2")).clusters.front().proxy_protocol ==
        config::ProxyProtocol::v2);
}

TEST_CASE("config: datagrams, bytes and requests are not mistaken for each other") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {udp("udp: { idle: 1s }"), "\"to\" is missing"},
      {udp("udp: { to: c, sessions: 0 }"), "sessions"},
      {udp("udp: { to: d }"), "there is no cluster \"d\""},
      {udp("udp: { to: c }, routes: [{ to: c }]"), "`udp` and `routes` exclude each other"},
      {udp("udp: { to: c }, tcp: { to: c }"), "`udp` and `tcp` exclude each other"},
      {udp("udp: { to: c }, header_timeout: 5s"), "\"header_timeout\" is of requests"},
      {udp("udp: { to: c }, tls: { cert: a, key: b }"), "\"tls\" is of connections"},
      {udp("udp: { to: c }, " + trusting + "handshake_timeout: 1s"), "is of connections"},
      {file("bind: \"unix:/run/a\", udp: { to: c }", datagrams), "not by a path"},
      {udp("udp: { to: c }", "url: http://a"), "write its url as udp://HOST:PORT"},
      {udp("udp: { to: c }", "url: \"tcp://a:1\""), "write its url as udp://HOST:PORT"},
      {udp("routes: [{ to: c }]"), "datagrams go there from a listener with `udp`"},
      {udp("tcp: { to: c }"), "datagrams go there from a listener with `udp`"},
      {udp("udp: { to: c }", "url: \"udp://10.0.3.9\""), "has no port"},
      {udp("udp: { to: c }", datagrams + ", pool: {}"), "\"pool\" is of connections"},
      {udp("udp: { to: c }", datagrams + ", host: client"), "\"host\" is of requests"},
      {http("proxy_protocol: accept, "), "whose header is believed?"},
      {http("proxy_protocol: v1, "), "none"},
      {tcp("forwarded: { trust: [10.0.0.1] }, tcp: { to: c }"), "\"forwarded\" is of requests"},
  };
  for (const auto& [text, words] : cases) {
    CAPTURE(text);
    const std::string mistakes = mistakes_of(text);
    CAPTURE(mistakes);
    CHECK(mistakes.find(words) != mistakes.npos);
  }
}

}  // namespace
