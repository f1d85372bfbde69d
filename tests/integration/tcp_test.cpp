// Listeners of opaque bytes: whatever is spoken goes to a cluster and back, each direction with an
// end of its own.
#include "tests/harness/json.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"
#include "tests/harness/tls.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <system_error>
#include <unistd.h>

using harness::Json;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;
using harness::Tls;
using harness::TlsEnd;

namespace {

void echo(Socket& peer) {
  for (std::string bytes = peer.read_some(); !bytes.empty(); bytes = peer.read_some())
    peer.send(bytes);
  peer.finish();
}

// A proxy with one listener `db`, whose log can be read once it has ended.
class World {
 public:
  World(const std::string& url, const std::string& listener = "", const std::string& cluster = "",
        const std::string& top = "")
      : log_("/tmp/outrider-tcp." + std::to_string(getpid())),
        proxy_(std::make_unique<TestProxy>(
            "version: 1\nworkers: 1\naccess_log: { to: " + log_ +
            ", format: json }\nadmin: { bind: \"127.0.0.1:0\" }\n" + top +
            "listeners: { db: { bind: 127.0.0.1:0, tcp: { to: database" + listener +
            " } } }\nclusters: { database: { url: \"tcp://" + url + "\"" + cluster + " } }\n")) {}
  ~World() { ::unlink(log_.c_str()); }

  TestProxy& proxy() { return *proxy_; }
  Socket connect() const { return Socket::connect(proxy_->address("db")); }
  Json line() {
    proxy_.reset();
    std::ifstream file(log_);
    std::string line;
    std::getline(file, line);
    return Json::parse(line);
  }

 private:
  std::string log_;
  std::unique_ptr<TestProxy> proxy_;
};

// The admin side, which is let go as the listeners are, refuses connections then.
void wait_until_draining(const TestProxy& proxy) {
  try {
    for (;;) Socket::connect(proxy.admin());
  } catch (const std::system_error&) {
  }
}

}  // namespace

TEST_CASE("tcp: bytes go through as they come, whoever speaks first") {
  Origin origin([](Socket& peer) {
    peer.send("welcome");
    echo(peer);
  });
  World world(origin.address().to_string());
  Socket client = world.connect();
  CHECK(client.read_exactly(7) == "welcome");
  for (int i = 0; i < 100; ++i) {
    const std::string byte(1, static_cast<char>(i));
    client.send(byte);
    REQUIRE(client.read_exactly(1) == byte);
  }
  client.finish();
  CHECK(client.read_to_end().empty());
  CHECK_FALSE(client.was_reset());
  const Json line = world.line();
  CHECK(line["listener"].text() == "db");
  CHECK(line["protocol"].text() == "tcp");
  CHECK(line["cluster"].text() == "database");
  CHECK(line["endpoint"].text() == origin.address().to_string());
  CHECK(line["status"].number() == 200);
  CHECK(line["bytes_in"].number() == 100);
  CHECK(line["bytes_out"].number() == 107);
  CHECK(line["reason"].is_null());
}

TEST_CASE("tcp: an end is that of one direction, a reset of both") {
  SUBCASE("the client's end") {
    Origin origin([](Socket& peer) {
      CHECK(peer.read_to_end() == "last words");
      peer.send("heard");
      peer.finish();
    });
    World world(origin.address().to_string());
    Socket client = world.connect();
    client.send("last words");
    client.finish();
    CHECK(client.read_to_end() == "heard");
    CHECK_FALSE(client.was_reset());
  }
  SUBCASE("the upstream's end") {
    std::promise<std::string> heard;
    Origin origin([&](Socket& peer) {
      peer.send("last words");
      peer.finish();
      heard.set_value(peer.read_to_end());
    });
    World world(origin.address().to_string());
    Socket client = world.connect();
    CHECK(client.read_to_end() == "last words");
    const std::string much(300'000, 'x');
    client.send(much);
    client.finish();
    CHECK(heard.get_future().get() == much);
  }
  SUBCASE("the client's reset") {
    std::promise<bool> was_reset;
    Origin origin([&](Socket& peer) {
      peer.send("x");
      peer.read_to_end();
      was_reset.set_value(peer.was_reset());
    });
    World world(origin.address().to_string());
    Socket client = world.connect();
    client.read_exactly(1);
    client.reset();
    CHECK(was_reset.get_future().get());
    CHECK(world.line()["reason"].text() == "client_gone");
  }
  SUBCASE("the upstream's reset") {
    Origin origin([](Socket& peer) {
      peer.read_exactly(2);
      peer.reset();
    });
    World world(origin.address().to_string());
    Socket client = world.connect();
    client.send("go");
    CHECK(client.read_to_end().empty());
    CHECK(client.was_reset());
    CHECK(world.line()["reason"].text() == "response_aborted");
  }
}

TEST_CASE("tcp: without an upstream the connection is reset, the log and a metric say why") {
  World world(harness::refusing_address().to_string(), "", ", pool: { hold: 0s }");
  Socket client = world.connect();
  CHECK(client.read_to_end().empty());
  CHECK(client.was_reset());
  CHECK(harness::comes_to_say(world.proxy(), "/metrics", "reason=\"connect_failure\"} 1\n"));
  const Json line = world.line();
  CHECK(line["reason"].text() == "connect_failure");
  CHECK(line["bytes_out"].number() == 0);
}

TEST_CASE(
    "tcp: the time that a connection was held for an upstream that stays away is in the log") {
  World world(harness::unused_address().to_string(), "", ", pool: { hold: 200ms }");
  Socket client = world.connect();
  CHECK(client.read_to_end().empty());
  const Json line = world.line();
  CHECK(line["reason"].text() == "connect_failure");
  CHECK(line["ms"]["queue"].number() >= 199);
}

TEST_CASE("tcp: a silent connection is cut after `idle`") {
  Origin origin([](Socket& peer) { peer.read_to_end(); });
  World world(origin.address().to_string(), ", idle: 50ms");
  Socket client = world.connect();
  CHECK(client.read_to_end().empty());
  CHECK(client.was_reset());
  CHECK(world.line()["reason"].text() == "idle_timeout");
}

TEST_CASE("tcp: TLS is ended, or begun") {
  const auto path = [](const std::string& file) { return harness::certificate_path(file); };
  SUBCASE("ended") {
    Origin origin(echo);
    TestProxy proxy(
        "version: 1\naccess_log: { format: none }\nlisteners: { db: { bind: 127.0.0.1:0, tcp: { "
        "to: database }, tls: { cert: " +
        path("good.crt") + ", key: " + path("good.key") +
        " } } }\nclusters: { database: { endpoints: [\"" + origin.address().to_string() +
        "\"] } }\n");
    Socket client = Socket::connect(proxy.address("db"));
    REQUIRE(client.secure(Tls::client({}), TlsEnd::Role::client));
    client.send("secret");
    client.finish();
    CHECK(client.read_to_end() == "secret");
    CHECK_FALSE(client.was_reset());
  }
  SUBCASE("begun") {
    const Tls tls = Tls::server("good", {});
    Origin origin([&](Socket& peer) {
      if (peer.secure(tls, TlsEnd::Role::server)) echo(peer);
    });
    World world(origin.address().to_string(), "",
                ", tls: { ca: " + path("ca.pem") + ", server_name: app.test }");
    Socket client = world.connect();
    client.send("secret");
    client.finish();
    CHECK(client.read_to_end() == "secret");
    CHECK_FALSE(client.was_reset());
  }
}

TEST_CASE("tcp: a drain lets connections be until its timeout, and then cuts them") {
  Origin origin(echo);
  World world(origin.address().to_string(), "", "", "drain: { timeout: 2s }\n");
  Socket client = world.connect();
  client.send("x");
  CHECK(client.read_exactly(1) == "x");
  world.proxy().begin_drain();
  wait_until_draining(world.proxy());
  client.send("y");
  CHECK(client.read_exactly(1) == "y");
  world.proxy().wait_until_ended();
  CHECK(client.read_to_end().empty());
  CHECK(client.was_reset());
  CHECK(world.line()["reason"].text() == "drained");
}
