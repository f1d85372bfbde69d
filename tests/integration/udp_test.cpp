// Listeners of datagrams: a session for each client address, which goes to a cluster and back, each
// datagram whole.
#include "tests/harness/json.hpp"
#include "tests/harness/program.hpp"
#include "tests/harness/socket.hpp"
#include "tests/harness/test_proxy.hpp"
#include "tests/harness/udp.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

using harness::Json;
using harness::TestProxy;
using harness::Udp;
using harness::UdpEcho;

namespace {

std::string relay_to(const std::string& upstream, const std::string& fields = "",
                     const std::string& top = "access_log: { format: none }\n",
                     const std::string& workers = "1") {
  return "version: 1\nworkers: " + workers + "\nadmin: { bind: \"127.0.0.1:0\" }\n" + top +
         "listeners: { stun: { bind: 127.0.0.1:0, udp: { to: turn" + fields +
         " } } }\nclusters: { turn: { url: \"udp://" + upstream + "\" } }\n";
}

std::string port_in(const std::string& answer) {
  return answer.substr(0, answer.find(' '));
}

}  // namespace

TEST_CASE("udp: datagrams go and come whole, by one upstream socket for each client") {
  for (const char* workers : {"1", "2"}) {
    const UdpEcho echo;
    const TestProxy proxy(relay_to(echo.address(), "", "access_log: { format: none }\n", workers));
    const Udp first(proxy.address("stun")), second(proxy.address("stun"));
    const std::string port = port_in(first.ask("a"));
    CHECK(first.ask("bc") == port + " bc");
    CHECK(port_in(second.ask("d")) != port);
    const std::string large(9000, 'x');
    CHECK(first.ask(large) == port + " " + large);
    for (int i = 0; i < 50; ++i) first.send("n" + std::to_string(i));
    for (int i = 0; i < 50; ++i)
      REQUIRE(first.receive().value_or("") == port + " n" + std::to_string(i));
  }
}

TEST_CASE("udp: a datagram without a byte is one too, either way") {
  const Udp upstream;
  const TestProxy proxy(relay_to(upstream.address().to_string()));
  const Udp client(proxy.address("stun"));
  base::Address relay;
  client.send("");
  CHECK(upstream.receive(10'000, &relay) == "");
  client.send("a");
  CHECK(upstream.receive() == "a");
  upstream.send_to(relay, "");
  upstream.send_to(relay, "b");
  CHECK(client.receive() == "");
  CHECK(client.receive() == "b");
}

// A client that asked one address of a host takes no answer from another.
TEST_CASE("udp: a socket of all addresses answers from the one that was asked") {
  for (const std::string any : {"0.0.0.0", "[::]"}) {
    CAPTURE(any);
    const UdpEcho echo;
    std::string config = relay_to(echo.address());
    config.replace(config.find("127.0.0.1:0, udp"), 11, '"' + any + ":0\"");
    const TestProxy proxy(config);
    const std::uint16_t port = proxy.address("stun").port();
    const Udp client;
    std::vector<std::string> ports;
    for (const char* asked : {"127.0.0.1", "127.0.0.2"}) {
      const base::Address address = *base::Address::parse_ip(asked, port);
      base::Address from;
      client.send_to(address, asked);
      const std::string answer = client.receive(10'000, &from).value_or("(nothing)");
      CHECK(answer.ends_with(asked));
      CHECK(from == address);
      ports.push_back(port_in(answer));
    }
    CHECK(ports[0] != ports[1]);  // two sessions
  }
}

TEST_CASE("udp: a session ends when it falls quiet, with a line of its own") {
  const UdpEcho echo;
  const std::string log = "/tmp/outrider-udp." + std::to_string(getpid());
  {
    const TestProxy proxy(relay_to(echo.address(), ", idle: 200ms",
                                   "access_log: { to: " + log + ", format: json }\n"));
    const Udp client(proxy.address("stun"));
    CHECK(client.ask("abc").ends_with(" abc"));
    CHECK(
        comes_to_say(proxy, "/metrics", "outrider_downstream_connections{listener=\"stun\"} 0\n"));
    CHECK(client.ask("later").ends_with(" later"));
  }
  std::ifstream file(log);
  std::string text;
  std::getline(file, text);
  ::unlink(log.c_str());
  const Json line = Json::parse(text);
  CHECK(line["listener"].text() == "stun");
  CHECK(line["protocol"].text() == "udp");
  CHECK(line["cluster"].text() == "turn");
  CHECK(line["endpoint"].text() == echo.address());
  CHECK(line["status"].number() == 200);
  CHECK(line["bytes_in"].number() == 3);
  CHECK(line["reason"].is_null());
}

TEST_CASE("udp: no more sessions than allowed, and those that are there go on") {
  const UdpEcho echo;
  const TestProxy proxy(relay_to(echo.address(), ", sessions: 2"));
  const Udp first(proxy.address("stun")), second(proxy.address("stun")),
      third(proxy.address("stun"));
  CHECK(first.ask("a").ends_with(" a"));
  CHECK(second.ask("b").ends_with(" b"));
  third.send("c");
  CHECK(comes_to_say(proxy, "/metrics", "outrider_datagrams_dropped_total{listener=\"stun\"} 1\n"));
  CHECK(
      comes_to_say(proxy, "/metrics", "outrider_connections_refused_total{listener=\"stun\"} 1\n"));
  CHECK(first.ask("a").ends_with(" a"));
}

TEST_CASE("udp: a client without a session is told of in the log") {
  const UdpEcho echo;
  harness::Outrider outrider(relay_to(echo.address(), ", sessions: 1"));
  const base::Address relay = outrider.address("stun");
  const Udp first(relay), second(relay);
  CHECK(first.ask("a").ends_with(" a"));
  second.send("b");
  outrider->wait_for("listener stun: no session for 127.0.0.1:");
  outrider->wait_for("all 1 are taken; `udp.sessions` may be raised");
}

TEST_CASE("udp: an upstream that is not there ends the session, and is asked again by the next") {
  std::optional<Udp> upstream(std::in_place);
  const base::Address address = upstream->address();
  upstream.reset();
  const TestProxy proxy(relay_to(address.to_string()));
  const Udp client(proxy.address("stun"));
  client.send("lost");
  CHECK(comes_to_say(proxy, "/metrics", "code=\"502\",reason=\"connect_failure\"} 1\n"));
  CHECK(comes_to_say(proxy, "/metrics", "outrider_downstream_connections{listener=\"stun\"} 0\n"));
  REQUIRE(comes_to_say(proxy, "/requests", "\"protocol\":\"udp\""));
  const Json kept = Json::parse(proxy.ask("/requests").body)["requests"].items().front();
  CHECK(kept["reason"].text() == "connect_failure");
  CHECK(kept["ms"]["first_byte"].is_null());
  const Json attempt = kept["attempts"].items().front();
  CHECK(attempt["reason"].text() == "connect_failure");
  CHECK(attempt["detail"].text() == "the upstream takes no datagrams: Connection refused");
  CHECK(attempt["bytes_sent"].number() == 4);
  for (const char* of_connections : {"status", "reused", "exchange_on_connection"})
    CHECK_MESSAGE(attempt[of_connections].is_null(), of_connections);
  CHECK(attempt["ms"]["connect"].is_null());
}

TEST_CASE("udp: an upstream that refuses datagrams is unreachable until it answers") {
  std::optional<Udp> upstream(std::in_place);
  const base::Address address = upstream->address();
  upstream.reset();
  harness::Outrider outrider(relay_to(address.to_string()));
  const Udp client(outrider.address("stun"));
  client.send("lost");
  outrider->wait_for("endpoint " + address.to_string() +
                     " is unreachable: the upstream takes no datagrams: Connection refused");
  const base::Address admin = outrider.admin();
  const Json refused = Json::parse(harness::get(admin, "/clusters", "127.0.0.1").body);
  const Json endpoint = refused["clusters"].items().front()["endpoints"].items().front();
  CHECK(endpoint["health"].text() == "unreachable");
  CHECK(endpoint["failure"].text() == "the upstream takes no datagrams: Connection refused");
  upstream.emplace(base::Address(), address);
  client.send("taken");
  base::Address relay;
  CHECK(upstream->receive(10'000, &relay) == "taken");
  upstream->send_to(relay, "answer");
  CHECK(client.receive() == "answer");
  outrider->wait_for("endpoint " + address.to_string() + " is reachable again");
  CHECK(harness::get(admin, "/clusters", "127.0.0.1").body.find("\"health\":\"healthy\"") !=
        std::string::npos);
}

TEST_CASE("udp: a reload keeps the socket and the sessions; a drain ends what is quiet") {
  const UdpEcho echo;
  TestProxy proxy(relay_to(echo.address()));
  const Udp client(proxy.address("stun"));
  const std::string port = port_in(client.ask("a"));
  const base::Address before = proxy.address("stun");
  REQUIRE(proxy.reload(relay_to(echo.address(), ", idle: 30s")).status == 200);
  CHECK(proxy.address("stun") == before);
  CHECK(client.ask("b") == port + " b");
  proxy.begin_drain();
  proxy.wait_until_ended();
}

// Another program may have the one of connections: then it is tried with the next.
TEST_CASE("udp: connections and datagrams share a port") {
  const UdpEcho echo;
  std::unique_ptr<TestProxy> first, second;
  for (int tries = 0; !second && tries < 20; ++tries) {
    first = std::make_unique<TestProxy>(relay_to(echo.address()));
    try {
      second = std::make_unique<TestProxy>(
          "version: 1\nworkers: 1\naccess_log: { format: none }\n"
          "listeners: { egress: { bind: \"" +
          first->address("stun").to_string() +
          "\", routes: [{ respond: { status: 200, body: hello } }] } }\n");
    } catch (const std::runtime_error&) {
    }
  }
  REQUIRE(second);
  CHECK(harness::get(second->address(), "/").status == 200);
  CHECK(Udp(first->address("stun")).ask("a").ends_with(" a"));
}
