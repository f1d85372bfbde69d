// Clients that are slow, that take nothing, that send more than was asked: each costs only so much,
// for so long.
#include <doctest/doctest.h>

#include <chrono>

#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

using harness::Answer;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;

namespace {

// With short times; what goes to /here/ is answered by the proxy itself.
std::string hurried(const std::string& url) {
  return "version: 1\n"
         "workers: 1\n"
         "access_log: { format: none }\n"
         "admin: { bind: \"127.0.0.1:0\" }\n"
         "listeners:\n"
         "  egress:\n"
         "    bind: 127.0.0.1:0\n"
         "    handshake_timeout: 300ms\n"
         "    idle_timeout: 300ms\n"
         "    header_timeout: 300ms\n"
         "    body_timeout: 300ms\n"
         "    send_timeout: 300ms\n"
         "    routes:\n"
         "      - { match: { path: /here/* }, respond: { status: 204 } }\n"
         "      - to: app\n"
         "clusters:\n"
         "  app: { url: \"" + url + "\" }\n";
}

std::string patient(const std::string& url) {
  std::string yaml = hurried(url);
  for (std::size_t at = 0; (at = yaml.find("300ms", at)) != yaml.npos;) yaml.replace(at, 5, "20s");
  return yaml;
}

}  // namespace

TEST_CASE("limits: a connection without a request is closed without a word") {
  Origin origin(Origin::answering("x"));
  TestProxy proxy(hurried(origin.url()));
  Socket silent = Socket::connect(proxy.address());
  CHECK(silent.read_to_end().empty());
  Socket served = Socket::connect(proxy.address());
  served.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  CHECK(served.read_answer().status == 200);
  CHECK(served.read_to_end().empty());
}

TEST_CASE("limits: a head that does not end is 408, however it trickles") {
  Origin origin(Origin::answering("x"));
  TestProxy proxy(hurried(origin.url()));
  for (const std::string begun : {"G", "GET / HTTP/1.1\r\nhost: a\r\n"}) {
    Socket client = Socket::connect(proxy.address());
    client.send(begun);
    const Answer answer = client.read_answer();
    CHECK(answer.status == 408);
    CHECK(answer.field("connection") == "close");
    CHECK(client.read_to_end().empty());
  }
  CHECK(origin.connections() == 0);
}

TEST_CASE("limits: a body that does not come is 408, and its upstream connection is not used again") {
  std::atomic<int> whole{0};
  Origin origin([&whole](Socket& peer) {
    const std::string head = peer.read_head();
    bool is_whole = false;
    if (!head.empty()) peer.read_body(head, is_whole);
    if (is_whole) ++whole;
  });
  TestProxy proxy(hurried(origin.url()));
  for (const std::string begun : {"content-length: 100\r\n\r\nabc",
                                  "transfer-encoding: chunked\r\n\r\n5\r\nab"}) {
    Socket client = Socket::connect(proxy.address());
    client.send("POST / HTTP/1.1\r\nhost: a\r\n" + begun);
    const Answer answer = client.read_answer();
    CHECK(answer.status == 408);
    CHECK(answer.field("proxy-status").find("request_timeout") != std::string::npos);
    CHECK(client.read_to_end().empty());
  }
  CHECK(comes_to_say(proxy, "/clusters", "\"connections\":0"));
  CHECK(whole == 0);
}

TEST_CASE("limits: a client that takes nothing of a long answer is cut, and its upstream let go") {
  Origin origin([](Socket& peer) {
    peer.read_head();
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n");
    while (peer.send(std::string(100'000, 'x'))) {
    }
  });
  TestProxy proxy(hurried(origin.url()));
  Socket client = Socket::connect(proxy.address());
  client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  CHECK(comes_to_say(proxy, "/metrics", "reason=\"client_gone\"} 1"));
  CHECK(comes_to_say(proxy, "/clusters", "\"connections\":0"));
  CHECK(comes_to_say(proxy, "/stats", "\"connections\":0"));
  client.read_to_end();
  CHECK(client.was_reset());
}

TEST_CASE("limits: pipelined requests wait until their client takes the answers") {
  Origin origin(Origin::answering("x"));
  TestProxy proxy(hurried(origin.url()));
  Socket client = Socket::connect(proxy.address());
  std::string requests;
  for (int i = 0; i < 1000; ++i) requests += "GET /here/x HTTP/1.1\r\nhost: a\r\n\r\n";
  // Answered without bound, this would go on for ever.
  std::size_t sent = 0;
  while (sent < 500 * requests.size() && client.send(requests)) sent += requests.size();
  CHECK(sent < 500 * requests.size());
  CHECK(comes_to_say(proxy, "/stats", "\"connections\":0"));
}

TEST_CASE("limits: one who pipelines does not keep others waiting") {
  Origin origin(Origin::answering("x"));
  TestProxy proxy(patient(origin.url()));
  Socket greedy = Socket::connect(proxy.address());
  std::string requests;
  for (int i = 0; i < 1000; ++i) requests += "GET /here/x HTTP/1.1\r\nhost: a\r\n\r\n";
  std::atomic<bool> is_over{false};
  std::thread writer([&] {
    while (!is_over && greedy.send(requests)) {
    }
  });
  std::thread reader([&] {
    char buffer[64 * 1024];
    while (::recv(greedy.descriptor(), buffer, sizeof buffer, 0) > 0) {
    }
  });
  for (int i = 0; i < 20; ++i) CHECK(harness::get(proxy.address(), "/here/y").status == 204);
  is_over = true;
  ::shutdown(greedy.descriptor(), SHUT_RDWR);
  writer.join();
  reader.join();
}

TEST_CASE("limits: after an early answer the connection goes on if the rest is small, else it is closed") {
  Origin origin(Origin::answering("x"));
  TestProxy proxy(patient(origin.url()));
  for (const std::string body : {"content-length: 5\r\n\r\nabcde",
                                 "transfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n"}) {
    Socket client = Socket::connect(proxy.address());
    client.send("POST /here/x HTTP/1.1\r\nhost: a\r\n" + body + "GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    const Answer early = client.read_answer();
    CHECK(early.status == 204);
    CHECK(early.field("connection").empty());
    CHECK(client.read_answer().body == "x");
  }
  Socket client = Socket::connect(proxy.address());
  client.send("POST /here/x HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\nabc");
  const Answer early = client.read_answer();
  CHECK(early.status == 204);
  CHECK(early.field("connection") == "close");
  CHECK(client.read_to_end().empty());
}

TEST_CASE("limits: a CONNECT that is refused ends its connection, whatever the client sent ahead") {
  Origin origin(Origin::answering("x"));
  TestProxy proxy(patient(origin.url()));
  Socket client = Socket::connect(proxy.address());
  client.send("CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n");
  const Answer answer = client.read_answer();
  CHECK(answer.status == 405);
  CHECK(answer.field("connection") == "close");
  CHECK(client.read_to_end().empty());
  CHECK(origin.connections() == 0);
}

TEST_CASE("limits: connections that only linger make room for those that come with a request") {
  Origin origin(Origin::answering("x"));
  const TestProxy proxy(patient(origin.url()) + "limits: { connections: 4 }\n");
  std::vector<Socket> leaving;  // they have their answer, and do not close
  for (int i = 0; i < 12; ++i) {
    leaving.push_back(Socket::connect(proxy.address()));
    leaving.back().send("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    CHECK(leaving.back().read_answer().status == 200);
  }
}
