// Bytes instead of requests: listeners with `tcp`, clusters of tcp://, routes for CONNECT.
#include "tests/unit/config/files.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

using namespace config_test;

const std::string bytes = "url: \"tcp://10.0.3.9:5432\"";

std::string tcp(const std::string& fields, const std::string& cluster = bytes) {
  return file("bind: 127.0.0.1:0, " + fields, cluster);
}

config::Config loaded(const std::string& text) {
  const config::Loaded read = config::load_text("proxy.yaml", text, filters::specs());
  REQUIRE_MESSAGE(read.config, mistakes_of(text));
  return *read.config;
}

TEST_CASE("config: a listener with `tcp` takes connections by one route") {
  const config::Config config = loaded(tcp("tcp: { to: c }"));
  const config::Listener& listener = config.listeners.front();
  REQUIRE(listener.tcp);
  CHECK(listener.tcp->idle == std::chrono::hours(1));
  REQUIRE(listener.routes.size() == 1);
  CHECK(listener.routes.front().to.front().cluster == "c");
  CHECK(config.effective.find("    tcp:\n      to: c\n      idle: 1h\n") != std::string::npos);
  for (const char* absent : {"protocols", "header_timeout", "routes", "forwarded"})
    CHECK_MESSAGE(config.effective.find(absent) == std::string::npos, absent);
  CHECK(loaded(config.effective).effective == config.effective);
}

TEST_CASE("config: where bytes may go") {
  for (const std::string& text :
       {tcp("tcp: { to: c, idle: 5m }"), tcp("tcp: { to: { c: 100% } }"),
        tcp("tcp: { to: c }", "endpoints: [\"10.0.3.9:5432\", \"unix:/run/db\"]"),
        tcp("tcp: { to: c }, tls: { cert: a, key: b }", bytes + ", tls: { ca: c }"),
        tcp("tcp: { to: c }, filters: [circuit_breaker], handshake_timeout: 1s"),
        tcp("routes: [{ match: { method: CONNECT }, to: c }]"),
        tcp("routes: [{ match: { method: CONNECT, host: a }, to: c }]", "url: http://a"),
        tcp("routes: [{ to: c }, { match: { method: CONNECT }, to: c }]", "url: http://a")}) {
    CAPTURE(text);
    CHECK(mistakes_of(text) == "");
    CHECK(loaded(text).warnings.empty());
  }
}

TEST_CASE("config: bytes and requests are not mistaken for each other") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {tcp("tcp: { idle: 1h }"), "\"to\" is missing"},
      {tcp("tcp: { to: c, idle: 0s }"), "idle"},
      {tcp("tcp: { to: d }"), "there is no cluster \"d\""},
      {tcp("tcp: c"), "write { to: c }"},
      {tcp("tcp: { to: c }, routes: [{ to: c }]"), "`tcp` and `routes` exclude each other"},
      {tcp("tcp: { to: c }, header_timeout: 5s"), "\"header_timeout\" is of requests"},
      {tcp("tcp: { to: c }, protocols: [http1]"), "\"protocols\" is of requests"},
      {tcp("tcp: { to: c }", "url: http://a"), "write its url as tcp://HOST:PORT"},
      {tcp("routes: [{ to: c }]"), "bytes go there from a listener with `tcp`"},
      {tcp("routes: [{ respond: { status: 204 }, filters: [fallback: { to: c }] }]"),
       "is a tcp:// cluster, which takes bytes: name one that takes requests"},
      {tcp("tcp: { to: c }", "url: \"tcp://10.0.3.9\""), "has no port"},
      {tcp("tcp: { to: c }", bytes + ", protocol: h2"), "\"protocol\" is of requests"},
      {tcp("routes: [{ match: { method: CONNECT, path: /a }, to: c }]", "url: http://a"),
       "a CONNECT has no path"},
  };
  for (const auto& [text, words] : cases) {
    CAPTURE(text);
    const std::string mistakes = mistakes_of(text);
    CAPTURE(mistakes);
    CHECK(mistakes.find(words) != mistakes.npos);
  }
}

}  // namespace
