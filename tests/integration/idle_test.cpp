// `idle` of a timeout or a tcp listener bounds how long no byte moves, also when the one that
// stands still is who does not read.
#include "tests/harness/h2_frames.hpp"
#include "tests/harness/json.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

using harness::H2Peer;
using harness::Json;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;
namespace h2 = harness::h2;

namespace {

constexpr std::string_view upgrade_request =
    "GET /chat HTTP/1.1\r\nhost: app.test\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n";
constexpr std::string_view upgrade_answer =
    "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

// Sends for as long as somebody takes it.
class Flood {
 public:
  explicit Flood(std::string head = {})
      : origin_([this, head = std::move(head)](Socket& peer) {
          if (!head.empty() && peer.read_head().empty()) return;
          peer.send(head);
          const std::string much(256 * 1024, 'x');
          while (peer.send(much)) {
          }
          is_cut_.set_value();
        }),
        cut_(is_cut_.get_future()) {}

  std::string address() const { return origin_.address().to_string(); }
  bool is_cut() { return cut_.wait_for(std::chrono::seconds(8)) == std::future_status::ready; }

 private:
  std::promise<void> is_cut_;
  Origin origin_;
  std::future<void> cut_;
};

// Its log can be read once the proxy has ended.
class World {
 public:
  World(const std::string& listener, const std::string& cluster)
      : log_("/tmp/outrider-idle." + std::to_string(getpid())),
        proxy_(std::make_unique<TestProxy>("version: 1\nworkers: 1\naccess_log: { to: " + log_ +
                                           ", format: json }\nlisteners: { egress: { bind: "
                                           "127.0.0.1:0, " +
                                           listener + " } }\nclusters: { app: { url: \"" + cluster +
                                           "\" } }\n")) {}
  ~World() { ::unlink(log_.c_str()); }

  Socket connect() const { return Socket::connect(proxy_->address()); }
  std::string reason() {
    proxy_.reset();
    std::ifstream file(log_);
    std::string line;
    std::getline(file, line);
    return Json::parse(line)["reason"].text();
  }

 private:
  std::string log_;
  std::unique_ptr<TestProxy> proxy_;
};

constexpr const char* routes_idle_soon =
    "filters: [timeout: { idle: 100ms }], routes: [{ to: app }]";

}  // namespace

TEST_CASE("idle: a client that takes nothing of a tunnel is not waited for") {
  SUBCASE("opaque bytes") {
    Flood flood;
    World world("tcp: { to: app, idle: 100ms }", "tcp://" + flood.address());
    Socket client = world.connect();
    CHECK(flood.is_cut());
    CHECK(world.reason() == "idle_timeout");
  }
  SUBCASE("WebSocket over HTTP/1") {
    Flood flood{std::string(upgrade_answer)};
    World world(routes_idle_soon, "http://" + flood.address());
    Socket client = world.connect();
    client.send(upgrade_request);
    CHECK(flood.is_cut());
    CHECK(world.reason() == "idle_timeout");
  }
  SUBCASE("CONNECT over HTTP/1") {
    Flood flood;
    World world(
        "filters: [timeout: { idle: 100ms }], routes: [{ match: { method: CONNECT }, to: app }]",
        "tcp://" + flood.address());
    Socket client = world.connect();
    client.send("CONNECT a.test:1 HTTP/1.1\r\nhost: a.test:1\r\n\r\n");
    CHECK(flood.is_cut());
    CHECK(world.reason() == "idle_timeout");
  }
  SUBCASE("CONNECT over HTTP/2, whose window is not opened") {
    Flood flood;
    World world(
        "filters: [timeout: { idle: 100ms }], routes: [{ match: { method: CONNECT }, to: app }]",
        "tcp://" + flood.address());
    H2Peer client(world.connect());
    client.send(std::string(h2::preface) + h2::frame(h2::settings, 0, 0) +
                client.head(1, {{":method", "CONNECT"}, {":authority", "a.test:1"}}, false));
    CHECK(flood.is_cut());
    CHECK(world.reason() == "idle_timeout");
  }
}

TEST_CASE("idle: an upstream that takes nothing of a tunnel is not waited for") {
  std::promise<void> may_end;
  Origin origin([&](Socket&) { may_end.get_future().wait(); });
  World world("tcp: { to: app, idle: 100ms }", "tcp://" + origin.address().to_string());
  Socket client = world.connect();
  const std::string much(256 * 1024, 'x');
  while (client.send(much)) {
  }
  may_end.set_value();
  CHECK(world.reason() == "idle_timeout");
}

TEST_CASE("idle: a client that takes nothing of an answer is cut before its send_timeout") {
  Flood flood("HTTP/1.1 200 OK\r\n\r\n");
  World world(routes_idle_soon, "http://" + flood.address());
  Socket client = world.connect();
  client.send("GET / HTTP/1.1\r\nhost: app.test\r\n\r\n");
  CHECK(flood.is_cut());
  CHECK(world.reason() == "idle_timeout");
}

TEST_CASE("idle: a client that takes a little now and then is waited for") {
  Flood flood;
  World world("tcp: { to: app, idle: 1s }", "tcp://" + flood.address());
  Socket client = world.connect();
  for (int i = 0; i < 40; ++i) REQUIRE(client.read_exactly(256 * 1024).size() == 256 * 1024);
  client.reset();
  CHECK(flood.is_cut());
  CHECK(world.reason() == "client_gone");
}
