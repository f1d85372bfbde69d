// Tunnels where one side or both speak HTTP/2: WebSocket by extended CONNECT (RFC 8441), and plain
// CONNECT, whose bytes go where a route says.
#include "proxy/http/websocket.hpp"
#include "tests/harness/h2_frames.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"
#include "tests/harness/tls.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>

using harness::Answer;
using harness::H2Peer;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;
using harness::Tls;
using harness::TlsEnd;
namespace h2 = harness::h2;

namespace {

constexpr std::uint16_t enable_connect_protocol = 8;
constexpr std::uint32_t cancel = 8;
constexpr std::uint32_t connect_error = 10;

const std::string key = "dGhlIHNhbXBsZSBub25jZQ==";
const std::string question =
    "GET /chat HTTP/1.1\r\nhost: app.test\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    "sec-websocket-key: " +
    key + "\r\nsec-websocket-version: 13\r\n\r\n";

const h2::Fields extended = {{":method", "CONNECT"}, {":protocol", "websocket"},
                             {":scheme", "http"},    {":authority", "app.test"},
                             {":path", "/chat"},     {"sec-websocket-version", "13"}};

// Sends back what comes, to the end, and then ends as well.
void echo(Socket& peer) {
  for (std::string bytes = peer.read_some(); !bytes.empty(); bytes = peer.read_some())
    peer.send(bytes);
  peer.finish();
}

// An HTTP/1 server that takes each upgrade, with the answer to whatever key it was given.
Origin::Script upgrading(std::function<void(Socket&)> then) {
  return [then = std::move(then)](Socket& peer) {
    const std::string head = peer.read_head();
    if (head.empty()) return;
    if (harness::field_of(head, "upgrade").empty()) {
      peer.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
      return;
    }
    peer.send(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        "sec-websocket-accept: " +
        http::websocket_answer(harness::field_of(head, "sec-websocket-key")) + "\r\n\r\n");
    then(peer);
  };
}

// An HTTP/2 server that says whether it takes upgrades, once it is told to.
void greet(H2Peer& peer, bool takes_upgrades) {
  peer.send(h2::frame(h2::settings, 0, 0,
                      h2::setting(4, 1 << 20) +
                          h2::setting(enable_connect_protocol, takes_upgrades ? 1 : 0)) +
            h2::frame(h2::window_update, 0, 0, h2::number(1 << 24)));
}

void read_until(H2Peer& peer, const std::function<bool()>& is_so) {
  while (!is_so() && peer.read()) {
  }
}

// The head of the first request.
const h2::Message& asked(H2Peer& peer) {
  read_until(peer, [&] { return !peer.messages[1].fields.empty(); });
  return peer.messages[1];
}

// Sends back what comes on the first stream, to its end.
void echo_frames(H2Peer& peer) {
  std::size_t sent = 0;
  h2::Message& message = peer.messages[1];
  for (;;) {
    read_until(peer, [&] { return message.body.size() > sent || message.is_over(); });
    if (message.body.size() > sent)
      peer.send(
          h2::frame(h2::data, 0, 1, message.body.substr(std::exchange(sent, message.body.size()))));
    if (message.is_over()) break;
  }
  peer.send(h2::frame(h2::data, h2::end_stream, 1));
  while (peer.read()) {
  }
}

Origin::Script upgrading_h2(std::function<void(H2Peer&)> then) {
  return [then = std::move(then)](Socket& socket) {
    H2Peer peer(std::move(socket));
    if (peer.socket().read_exactly(h2::preface.size()) != h2::preface) return;
    greet(peer, true);
    if (asked(peer).fields.empty()) return;
    peer.send(peer.head(1, {{":status", "200"}}, false));
    then(peer);
  };
}

std::string to_h2(const Origin& origin) {
  return "version: 1\naccess_log: { format: none }\n"
         "listeners: { egress: { bind: 127.0.0.1:0, routes: [{ to: app }] } }\n"
         "clusters: { app: { url: \"" +
         origin.url() + "\", protocol: h2 } }\n";
}

// A client's connection on which an upgrade was asked for.
std::unique_ptr<H2Peer> asking(const TestProxy& proxy, const h2::Fields& fields = extended) {
  auto peer = std::make_unique<H2Peer>(Socket::connect(proxy.address()));
  peer->greet();
  peer->send(peer->head(1, fields, false));
  read_until(*peer, [&] { return peer->messages[1].status != 0 || peer->messages[1].is_reset; });
  return peer;
}

}  // namespace

TEST_CASE("websocket over HTTP/2 downstream: extended CONNECT becomes an upgrade of HTTP/1") {
  std::promise<std::string> head;
  Origin origin([&](Socket& peer) {
    const std::string got = peer.read_head();
    head.set_value(got);
    peer.send(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        "sec-websocket-accept: " +
        http::websocket_answer(harness::field_of(got, "sec-websocket-key")) + "\r\n\r\nhello");
    echo(peer);
  });
  TestProxy proxy(harness::egress_to(origin.url()));
  const auto client = asking(proxy);
  h2::Message& message = client->messages[1];
  CHECK(client->settings.size() > 0);
  bool is_offered = false;
  for (const auto& [id, value] : client->settings)
    is_offered = is_offered || (id == enable_connect_protocol && value == 1);
  CHECK(is_offered);
  CHECK(message.status == 200);
  CHECK(message.field("sec-websocket-accept").empty());
  const std::string got = head.get_future().get();
  CHECK(got.starts_with("GET /chat HTTP/1.1\r\n"));
  CHECK(harness::field_of(got, "host") == "app.test");
  CHECK(harness::field_of(got, "upgrade") == "websocket");
  CHECK(harness::field_of(got, "sec-websocket-key").size() == 24);
  CHECK(harness::field_of(got, "sec-websocket-version") == "13");
  client->send(h2::frame(h2::data, 0, 1, "there"));
  read_until(*client, [&] { return message.body.size() >= 10 || message.is_over(); });
  CHECK(message.body == "hellothere");
  CHECK_FALSE(message.is_over());
  client->send(h2::frame(h2::data, h2::end_stream, 1, "!"));
  client->wait_for(1);
  CHECK(message.body == "hellothere!");
  CHECK(message.has_ended);
  CHECK_FALSE(message.is_reset);
}

TEST_CASE("websocket over HTTP/2 downstream: a wrong answer to our key is the upstream's error") {
  Origin origin([](Socket& peer) {
    peer.read_head();
    peer.send(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    peer.read_some();
  });
  TestProxy proxy(harness::egress_to(origin.url()));
  CHECK(asking(proxy)->messages[1].status == 502);
}

TEST_CASE("websocket over HTTP/2 downstream: a refusal, and another protocol") {
  Origin origin([](Socket& peer) {
    peer.read_head();
    peer.send("HTTP/1.1 403 Forbidden\r\ncontent-length: 4\r\n\r\nwhy?");
    peer.read_some();
  });
  TestProxy proxy(harness::egress_to(origin.url()));
  const auto client = asking(proxy);
  client->wait_for(1);
  CHECK(client->messages[1].status == 403);
  CHECK(client->messages[1].body == "why?");
  h2::Fields other = extended;
  other[1].second = "connect-udp";
  CHECK(asking(proxy, other)->messages[1].status == 501);
}

TEST_CASE("websocket over HTTP/2 upstream: an upgrade of HTTP/1 becomes an extended CONNECT") {
  std::promise<h2::Fields> fields;
  Origin origin(upgrading_h2([&](H2Peer& peer) {
    fields.set_value(peer.messages[1].fields);
    peer.send(h2::frame(h2::data, 0, 1, "hello"));
    echo_frames(peer);
  }));
  TestProxy proxy(to_h2(origin));
  Socket client = Socket::connect(proxy.address());
  client.send(question.substr(0, question.size() - 2) + "content-length: 0\r\n\r\n");
  const std::string head = client.read_head();
  CHECK(head.starts_with("HTTP/1.1 101 "));
  CHECK(harness::field_of(head, "upgrade") == "websocket");
  CHECK(harness::field_of(head, "sec-websocket-accept") == http::websocket_answer(key));
  h2::Message got;
  got.fields = fields.get_future().get();
  CHECK(got.field(":method") == "CONNECT");
  CHECK(got.field(":protocol") == "websocket");
  CHECK(got.field(":scheme") == "http");
  CHECK(got.field(":path") == "/chat");
  CHECK(got.field("sec-websocket-version") == "13");
  CHECK(got.field("sec-websocket-key").empty());
  CHECK(got.field("content-length").empty());
  client.send("there");
  CHECK(client.read_exactly(10) == "hellothere");
  client.send("!");
  client.finish();
  CHECK(client.read_to_end() == "!");
  CHECK_FALSE(client.was_reset());
}

TEST_CASE("websocket over HTTP/2 upstream: it waits for SETTINGS, other requests do not") {
  std::promise<void> other_came;
  Origin origin([&](Socket& socket) {
    H2Peer peer(std::move(socket));
    peer.acks_settings = false;  // which may not be the first that it says
    peer.socket().read_exactly(h2::preface.size());
    const h2::Message& first = asked(peer);  // not the upgrade, which was asked for before
    CHECK(first.field(":method") == "GET");
    other_came.set_value();
    greet(peer, true);
    peer.send(h2::frame(h2::settings, h2::ack, 0));
    read_until(peer, [&] { return !peer.messages[3].fields.empty(); });
    CHECK(peer.messages[3].field(":protocol") == "websocket");
    peer.send(peer.head(3, {{":status", "200"}}, false) + peer.head(1, {{":status", "204"}}, true));
    while (peer.read()) {
    }
  });
  TestProxy proxy(
      "version: 1\nworkers: 1\naccess_log: { format: none }\nadmin: { bind: \"127.0.0.1:0\" }\n"
      "listeners: { egress: { bind: 127.0.0.1:0, routes: [{ to: app }] } }\n"
      "clusters: { app: { url: \"" +
      origin.url() + "\", protocol: h2 } }\n");
  Socket client = Socket::connect(proxy.address());
  client.send(question);
  REQUIRE(harness::comes_to_say(proxy, "/metrics",
                                "outrider_pool_connects_total{cluster=\"app\"} 1\n"));
  Socket other = Socket::connect(proxy.address());
  other.send("GET / HTTP/1.1\r\nhost: app.test\r\n\r\n");
  other_came.get_future().wait();
  CHECK(client.read_head().starts_with("HTTP/1.1 101 "));
  CHECK(other.read_answer().status == 204);
}

TEST_CASE("websocket over HTTP/2 upstream: what takes none is asked by HTTP/1, if that may be") {
  SUBCASE("TLS: on a connection of its own") {
    const Tls both = Tls::server("good", {"h2", "http/1.1"});
    Origin origin([&](Socket& socket) {
      if (!socket.secure(both, TlsEnd::Role::server)) return;
      if (socket.protocol() != "h2") return upgrading(echo)(socket);
      H2Peer peer(std::move(socket));
      peer.socket().read_exactly(h2::preface.size());
      greet(peer, false);
      while (peer.read()) {
      }
    });
    TestProxy proxy(
        "version: 1\nworkers: 1\naccess_log: { format: none }\n"
        "listeners: { egress: { bind: 127.0.0.1:0, routes: [{ to: app }] } }\n"
        "clusters: { app: { endpoints: [\"" +
        origin.address().to_string() + "\"], tls: { server_name: app.test, ca: " +
        harness::certificate_path("ca.pem") + " } } }\n");
    for (int i = 0; i < 2; ++i) {
      Socket client = Socket::connect(proxy.address());
      client.send(question);
      CHECK(client.read_head().starts_with("HTTP/1.1 101 "));
      client.send("hello");
      client.finish();
      CHECK(client.read_to_end() == "hello");
    }
    CHECK(origin.connections() == 3);
  }
  SUBCASE("prior knowledge: not at all") {
    Origin origin([&](Socket& socket) {
      H2Peer peer(std::move(socket));
      peer.socket().read_exactly(h2::preface.size());
      greet(peer, false);
      while (peer.read()) {
      }
    });
    TestProxy proxy(to_h2(origin));
    Socket client = Socket::connect(proxy.address());
    client.send(question);
    const Answer failed = client.read_answer();
    CHECK(failed.status == 502);
    CHECK(failed.body.find("takes no WebSocket") != std::string::npos);
  }
}

TEST_CASE("websocket over HTTP/2: a reset is passed on as one") {
  SUBCASE("the client's") {
    std::promise<h2::Message> end;
    Origin origin(upgrading_h2([&](H2Peer& peer) {
      peer.wait_for(1);
      end.set_value(peer.messages[1]);
    }));
    TestProxy proxy(to_h2(origin));
    const auto client = asking(proxy);
    CHECK(client->messages[1].status == 200);
    client->send(h2::frame(h2::rst_stream, 0, 1, h2::number(cancel)));
    const h2::Message got = end.get_future().get();
    CHECK(got.is_reset);
    CHECK(got.code == cancel);
  }
  SUBCASE("of a client of HTTP/1") {
    std::promise<h2::Message> end;
    Origin origin(upgrading_h2([&](H2Peer& peer) {
      peer.wait_for(1);
      end.set_value(peer.messages[1]);
    }));
    TestProxy proxy(to_h2(origin));
    Socket client = Socket::connect(proxy.address());
    client.send(question);
    CHECK(client.read_head().starts_with("HTTP/1.1 101 "));
    client.reset();
    CHECK(end.get_future().get().code == cancel);
  }
  SUBCASE("of an upstream of HTTP/1") {
    Origin origin(upgrading([](Socket& peer) { peer.reset(); }));
    TestProxy proxy(harness::egress_to(origin.url()));
    const auto client = asking(proxy);
    client->wait_for(1);
    CHECK(client->messages[1].is_reset);
    CHECK(client->messages[1].code == cancel);
  }
  SUBCASE("of an upstream of HTTP/2, by its code") {
    Origin origin(upgrading_h2([](H2Peer& peer) {
      peer.send(h2::frame(h2::rst_stream, 0, 1, h2::number(11)));
      while (peer.read()) {
      }
    }));
    TestProxy proxy(to_h2(origin));
    const auto client = asking(proxy);
    client->wait_for(1);
    CHECK(client->messages[1].is_reset);
    CHECK(client->messages[1].code == 11);
  }
}

TEST_CASE("websocket from app to app, by TLS and HTTP/2 between two proxies") {
  const auto path = [](const std::string& file) { return harness::certificate_path(file); };
  Origin app(upgrading(echo));
  TestProxy inbound(
      "version: 1\naccess_log: { format: none }\n"
      "listeners: { ingress: { bind: 127.0.0.1:0, direction: inbound, routes: [{ to: app }],\n"
      "  tls: { cert: " +
      path("good.crt") + ", key: " + path("good.key") + " } } }\nclusters: { app: { url: \"" +
      app.url() + "\" } }\n");
  TestProxy outbound(
      "version: 1\naccess_log: { format: none }\n"
      "listeners: { egress: { bind: 127.0.0.1:0, routes: [{ to: peer }] } }\n"
      "clusters: { peer: { endpoints: [\"" +
      inbound.address("ingress").to_string() + "\"], tls: { ca: " + path("ca.pem") +
      ", server_name: app.test }, protocol: h2 } }\n");
  Socket client = Socket::connect(outbound.address());
  client.send(question);
  const std::string head = client.read_head();
  CHECK(head.starts_with("HTTP/1.1 101 "));
  CHECK(harness::field_of(head, "sec-websocket-accept") == http::websocket_answer(key));
  for (int i = 0; i < 100; ++i) {
    client.send("x");
    REQUIRE(client.read_exactly(1) == "x");
  }
  const std::string much(300'000, 'm');
  client.send(much);
  client.finish();
  CHECK(client.read_to_end() == much);
  CHECK_FALSE(client.was_reset());
}

TEST_CASE("CONNECT: bytes go to the cluster of a route that names it, and nowhere without one") {
  Origin origin(echo);
  const std::string top =
      "version: 1\naccess_log: { format: none }\nlisteners: { egress: { bind: "
      "127.0.0.1:0, routes: [";
  const std::string end =
      "{ to: app }] } }\nclusters: { app: { url: \"" + origin.url() + "\" } }\n";
  const std::string somewhere =
      "CONNECT elsewhere.test:443 HTTP/1.1\r\nhost: elsewhere.test\r\n\r\n";
  const h2::Fields plain = {{":method", "CONNECT"}, {":authority", "elsewhere.test:443"}};
  SUBCASE("without") {
    TestProxy proxy(top + end);
    Socket client = Socket::connect(proxy.address());
    client.send(somewhere);
    CHECK(client.read_answer().status == 405);
    CHECK(client.read_to_end().empty());
    CHECK(asking(proxy, plain)->messages[1].status == 405);
    CHECK(origin.connections() == 0);
  }
  SUBCASE("with") {
    TestProxy proxy(top + "{ match: { method: CONNECT }, to: app }, " + end);
    Socket client = Socket::connect(proxy.address());
    client.send(somewhere);
    const std::string head = client.read_head();
    CHECK(head.starts_with("HTTP/1.1 200 "));
    CHECK(harness::field_of(head, "content-length").empty());
    CHECK(harness::field_of(head, "transfer-encoding").empty());
    client.send("any bytes");
    client.finish();
    CHECK(client.read_to_end() == "any bytes");
    const auto peer = asking(proxy, plain);
    CHECK(peer->messages[1].status == 200);
    peer->send(h2::frame(h2::data, h2::end_stream, 1, "any bytes"));
    peer->wait_for(1);
    CHECK(peer->messages[1].body == "any bytes");
    CHECK(peer->messages[1].has_ended);
  }
}

TEST_CASE("CONNECT: an upstream that cannot be reached, or resets") {
  const auto config = [](const std::string& url) {
    return "version: 1\naccess_log: { format: none }\nlisteners: { egress: { bind: 127.0.0.1:0, "
           "routes: [{ match: { method: CONNECT }, to: app }] } }\nclusters: { app: { url: \"" +
           url + "\", pool: { hold: 0s } } }\n";
  };
  const h2::Fields plain = {{":method", "CONNECT"}, {":authority", "elsewhere.test:443"}};
  SUBCASE("cannot be reached") {
    TestProxy proxy(config("http://" + harness::unused_address().to_string()));
    CHECK(asking(proxy, plain)->messages[1].status == 502);
  }
  SUBCASE("resets") {
    Origin origin([](Socket& peer) {
      peer.read_exactly(2);
      peer.reset();
    });
    TestProxy proxy(config(origin.url()));
    const auto client = asking(proxy, plain);
    client->send(h2::frame(h2::data, 0, 1, "go"));
    client->wait_for(1);
    CHECK(client->messages[1].is_reset);
    CHECK(client->messages[1].code == connect_error);
  }
}
