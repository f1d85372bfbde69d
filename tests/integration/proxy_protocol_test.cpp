// The PROXY header: who may send one, what follows from it, and what an upstream is told.
#include "tests/harness/json.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"
#include "tests/harness/tls.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <memory>
#include <string>
#include <unistd.h>

using harness::Answer;
using harness::Json;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;
using harness::Tls;
using harness::TlsEnd;

namespace {

const std::string request = "GET / HTTP/1.1\r\nhost: a.test\r\n\r\n";
const std::string line_of_client = "PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n";
const std::string signature("\r\n\r\n\0\r\nQUIT\n", 12);
const std::string binary_of_client =
    signature + std::string(
                    "\x21\x11\x00\x10\xc0\x00\x02\x07\xc0\x00\x02\x01\x12\x67\x01\xbb"
                    "\x04\x00\x01z",
                    20);

// A listener that accepts the header from `trust`, and tells upstream who the client is.
std::string accepting(const std::string& trust, const std::string& more = "") {
  return "version: 1\nworkers: 1\naccess_log: { format: none }\nadmin: { bind: \"127.0.0.1:0\" }\n"
         "listeners:\n  egress:\n    bind: 127.0.0.1:0\n    direction: inbound\n"
         "    proxy_protocol: accept\n    forwarded: { trust: [\"" +
         trust + "\"] }\n" + more;
}

std::string answering(const std::string& trust, const std::string& more = "") {
  return accepting(trust, more + "    routes: [{ to: app }]\n");
}

std::string cluster(const Origin& origin, const std::string& fields = "") {
  return "clusters: { app: { url: \"" + origin.url() + "\"" + fields + " } }\n";
}

// Says in its body what the request says of the client.
void tell_client(Socket& peer) {
  for (std::string head = peer.read_head(); !head.empty(); head = peer.read_head()) {
    const std::size_t at = head.find("x-forwarded-for: ");
    const std::string body =
        at == head.npos ? "" : head.substr(at + 17, head.find('\r', at) - at - 17);
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" +
              body);
  }
}

bool is_closed_without_answer(Socket& client) {
  return client.read_to_end().empty();
}

}  // namespace

TEST_CASE("proxy protocol: the client is whom a trusted proxy names, byte by byte as well") {
  Origin origin(tell_client);
  const TestProxy proxy(answering("127.0.0.1") + cluster(origin));
  for (const std::string& header : {line_of_client, binary_of_client}) {
    Socket client = Socket::connect(proxy.address());
    client.send(header + request + request);
    CHECK(client.read_answer().body == "192.0.2.7");
    CHECK(client.read_answer().body == "192.0.2.7");
    Socket slow = Socket::connect(proxy.address());
    for (const char each : header + request) slow.send({&each, 1});
    CHECK(slow.read_answer().body == "192.0.2.7");
  }
  Socket itself = Socket::connect(proxy.address());
  itself.send(signature + std::string("\x20\x00\x00\x00", 4) + request);
  CHECK(itself.read_answer().body == "127.0.0.1");
}

TEST_CASE("proxy protocol: required of whom is trusted, and none of anybody else's") {
  Origin origin(tell_client);
  SUBCASE("a trusted peer without one") {
    const TestProxy proxy(answering("127.0.0.1") + cluster(origin));
    for (const char* first : {"GET / HTTP/1.1\r\nhost: a\r\n\r\n", "PROXY TCP4 a b 1 2\r\n",
                              "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}) {
      Socket client = Socket::connect(proxy.address());
      client.send(first);
      CHECK(is_closed_without_answer(client));
    }
    CHECK(comes_to_say(proxy, "/metrics",
                       "outrider_downstream_proxy_header_failures_total{listener=\"egress\"} 3\n"));
  }
  SUBCASE("anybody else's is a request that cannot be read") {
    const TestProxy proxy(answering("10.0.0.0/8") + cluster(origin));
    Socket client = Socket::connect(proxy.address());
    client.send(line_of_client + request);
    CHECK(client.read_answer().status == 400);
    Socket without = Socket::connect(proxy.address());
    without.send(request);
    CHECK(without.read_answer().body == "127.0.0.1");
  }
  SUBCASE("it has handshake_timeout") {
    const TestProxy proxy(answering("127.0.0.1", "    handshake_timeout: 100ms\n") +
                          cluster(origin));
    Socket silent = Socket::connect(proxy.address());
    CHECK(is_closed_without_answer(silent));
    Socket half = Socket::connect(proxy.address());
    half.send(line_of_client.substr(0, 20));
    CHECK(is_closed_without_answer(half));
  }
}

TEST_CASE("proxy protocol: it stands in front of TLS") {
  Origin origin(tell_client);
  const TestProxy proxy(
      answering("127.0.0.1", "    tls: { cert: " + harness::certificate_path("good.crt") +
                                 ", key: " + harness::certificate_path("good.key") + " }\n") +
      cluster(origin));
  Socket client = Socket::connect(proxy.address());
  client.send(binary_of_client);
  REQUIRE(client.secure(Tls::client({"http/1.1"}), TlsEnd::Role::client));
  client.send(request);
  CHECK(client.read_answer().body == "192.0.2.7");
}

TEST_CASE("proxy protocol: an upstream is told, and a connection is one client's alone") {
  Origin origin([](Socket& peer) {
    const std::string header = peer.read_until("\r\n");
    const std::string body = header.substr(0, header.size() - 2);
    while (!peer.read_head().empty())
      peer.send("HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" +
                body);
  });
  const TestProxy proxy(answering("127.0.0.1") + cluster(origin, ", proxy_protocol: v1"));
  const auto ask = [&](Socket& client) {
    client.send(request);
    return client.read_answer().body;
  };
  Socket first = Socket::connect(proxy.address());
  first.send(line_of_client);
  CHECK(ask(first) == "PROXY TCP4 192.0.2.7 192.0.2.1 4711 443");
  Socket second = Socket::connect(proxy.address());
  second.send("PROXY TCP4 192.0.2.8 192.0.2.1 4711 443\r\n");
  CHECK(ask(second) == "PROXY TCP4 192.0.2.8 192.0.2.1 4711 443");
  for (int i = 0; i < 3; ++i) {
    CHECK(ask(first) == "PROXY TCP4 192.0.2.7 192.0.2.1 4711 443");
    CHECK(ask(second) == "PROXY TCP4 192.0.2.8 192.0.2.1 4711 443");
  }
  CHECK(origin.connections() == 2);
}

TEST_CASE("proxy protocol: two in a row, binary, in front of bytes") {
  Origin origin([](Socket& peer) {
    peer.send("heard " + std::to_string(peer.read_exactly(3).size()));
    peer.finish();
  });
  const std::string log = "/tmp/outrider-proxy-protocol." + std::to_string(getpid());
  auto inner = std::make_unique<TestProxy>(
      "version: 1\nworkers: 1\naccess_log: { to: " + log +
      " }\nlisteners: { egress: { bind: 127.0.0.1:0, direction: inbound, proxy_protocol: accept, "
      "forwarded: { trust: [127.0.0.1] }, tcp: { to: app } } }\n"
      "clusters: { app: { url: \"tcp://" +
      origin.address().to_string() + "\" } }\n");
  const TestProxy outer(
      "version: 1\nworkers: 1\naccess_log: { format: none }\n"
      "listeners: { egress: { bind: 127.0.0.1:0, direction: inbound, proxy_protocol: accept, "
      "forwarded: { trust: [127.0.0.1] }, tcp: { to: next } } }\n"
      "clusters: { next: { url: \"tcp://" +
      inner->address().to_string() + "\", proxy_protocol: v2 } }\n");
  Socket client = Socket::connect(outer.address());
  client.send("PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\nabc");
  CHECK(client.read_to_end() == "heard 3");
  client.close();
  inner.reset();
  std::ifstream file(log);
  std::string line;
  std::getline(file, line);
  ::unlink(log.c_str());
  CHECK(Json::parse(line)["source"].text() == "2001:db8::7");
}

TEST_CASE("proxy protocol: a reload that asks for it lets go of the connections without") {
  Origin origin(tell_client);
  const std::string plain = answering("127.0.0.1") + cluster(origin);
  std::string without = plain;
  without.replace(without.find("proxy_protocol: accept"), 22, "proxy_protocol: none  ");
  TestProxy proxy(without);
  Socket before = Socket::connect(proxy.address());
  before.send(request);
  CHECK(before.read_answer().status == 200);
  REQUIRE(proxy.reload(plain).status == 200);
  CHECK(before.read_to_end().empty());
  Socket after = Socket::connect(proxy.address());
  after.send(line_of_client + request);
  CHECK(after.read_answer().body == "192.0.2.7");
}
