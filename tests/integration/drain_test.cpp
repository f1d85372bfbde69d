// The end of a drain: what its timeout cuts, and what client and log are told of it.
#include <doctest/doctest.h>

#include <fstream>
#include <semaphore>
#include <unistd.h>

#include "proxy/http/stream.hpp"
#include "tests/harness/h2_frames.hpp"
#include "tests/harness/json.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

using harness::Answer;
using harness::H2Peer;
using harness::Json;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;
namespace h2 = harness::h2;

namespace {

class Drained {
 public:
  Drained()
      : log_("/tmp/outrider-drain." + std::to_string(getpid())),
        origin_([this](Socket& peer) { never_end(peer); }),
        proxy_(std::make_unique<TestProxy>(
            "version: 1\nworkers: 1\n"
            "access_log: { to: " + log_ + ", format: json }\n"
            "drain: { timeout: 1ms }\n"
            "listeners: { egress: { bind: 127.0.0.1:0, routes: [{ to: app }] } }\n"
            "clusters: { app: { url: \"" + origin_.url() + "\" } }\n")) {}
  ~Drained() { ::unlink(log_.c_str()); }

  TestProxy& proxy() { return *proxy_; }
  // Once so many requests have come through.
  void drain_after(int requests) {
    for (int i = 0; i < requests; ++i) asked_.acquire();
    proxy_->begin_drain();
    proxy_->wait_until_ended();
  }
  // The log's lines, once the process has ended.
  std::vector<Json> lines() {
    proxy_.reset();
    std::vector<Json> all;
    std::ifstream file(log_);
    for (std::string line; std::getline(file, line);) all.push_back(Json::parse(line));
    return all;
  }

 private:
  // Answers nothing to /hang, and begins an answer without an end to anything else.
  void never_end(Socket& peer) {
    const std::string head = peer.read_head();
    if (head.find(" /hang ") == head.npos)
      peer.send("HTTP/1.1 200 OK\r\n" +
                std::string(head.find("grpc ") == head.npos ? "" : "content-type: application/grpc\r\n") +
                "transfer-encoding: chunked\r\n\r\n4\r\nsome\r\n");
    asked_.release();
    peer.read_some();
  }

  std::counting_semaphore<> asked_{0};
  std::string log_;
  Origin origin_;
  std::unique_ptr<TestProxy> proxy_;
};

}  // namespace

TEST_CASE("what a drain's timeout cuts before its head is answered 503 and logged as drained") {
  Drained world;
  Socket client = Socket::connect(world.proxy().address());
  client.send("GET /hang HTTP/1.1\r\nhost: a\r\n\r\n");
  world.drain_after(1);
  const Answer answer = client.read_answer();
  CHECK(answer.status == 503);
  CHECK(answer.field("connection") == "close");
  CHECK(answer.body.find("drained") != std::string::npos);
  CHECK(client.read_to_end().empty());
  const std::vector<Json> lines = world.lines();
  REQUIRE(lines.size() == 1);
  CHECK(lines[0]["status"].number() == 503);
  CHECK(lines[0]["reason"].text() == "drained");
}

TEST_CASE("what is held for an upstream that is away is cut by a drain's timeout as well") {
  TestProxy proxy(
      "version: 1\n"
      "access_log: { format: none }\n"
      "admin: { bind: \"127.0.0.1:0\" }\n"
      "drain: { timeout: 1ms }\n"
      "listeners: { egress: { bind: 127.0.0.1:0, routes: [{ to: app }] } }\n"
      "clusters: { app: { url: \"http://" +
      harness::unused_address().to_string() + "\", pool: { hold: 1h } } }\n");
  Socket client = Socket::connect(proxy.address());
  client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  H2Peer peer(Socket::connect(proxy.address()));
  peer.greet();
  peer.send(peer.head(1, H2Peer::get("/"), true));
  REQUIRE(harness::comes_to_say(proxy, "/metrics", "outrider_pool_held{cluster=\"app\"} 2\n"));
  proxy.begin_drain();
  proxy.wait_until_ended();
  const Answer answer = client.read_answer();
  CHECK(answer.status == 503);
  CHECK(answer.body.find("drained") != std::string::npos);
  peer.wait_for_end();
  CHECK(peer.messages[1].status == 503);
}

TEST_CASE("what a drain's timeout cuts behind its head is cut visibly and logged as drained") {
  Drained world;
  Socket client = Socket::connect(world.proxy().address());
  client.send("GET /begun HTTP/1.1\r\nhost: a\r\n\r\n");
  client.read_until("some\r\n");
  world.drain_after(1);
  CHECK(client.read_to_end().empty());
  const std::vector<Json> lines = world.lines();
  REQUIRE(lines.size() == 1);
  CHECK(lines[0]["status"].number() == 200);
  CHECK(lines[0]["reason"].text() == "drained");
}

TEST_CASE("what a drain's timeout cuts on HTTP/2: 503, gRPC 14, a reset behind the head of others") {
  Drained world;
  H2Peer peer(Socket::connect(world.proxy().address()));
  h2::Fields grpc = H2Peer::get("/hang");
  grpc[0].second = "POST";
  grpc.emplace_back("content-type", "application/grpc");
  peer.greet();
  peer.send(peer.head(1, H2Peer::get("/hang"), true));
  peer.send(peer.head(3, H2Peer::get("/begun"), true));
  peer.send(peer.head(5, grpc, true));
  grpc[3].second = "/begun/grpc";
  peer.send(peer.head(7, grpc, true));
  while (peer.messages[3].body != "some" || peer.messages[7].body != "some") REQUIRE(peer.read());
  world.drain_after(4);
  peer.wait_for_end();
  CHECK(peer.messages[1].status == 503);
  CHECK(peer.messages[1].has_ended);
  CHECK(peer.messages[3].is_reset);
  CHECK(peer.messages[5].status == 200);
  CHECK(peer.messages[5].field("grpc-status") == "14");
  CHECK(peer.messages[7].has_ended);
  REQUIRE_FALSE(peer.messages[7].trailers.empty());
  CHECK(peer.messages[7].trailers[0] == std::pair<std::string, std::string>("grpc-status", "14"));
  CHECK(peer.has_goaway);
  const std::vector<Json> lines = world.lines();
  REQUIRE(lines.size() == 4);
  for (const Json& line : lines) CHECK(line["reason"].text() == "drained");
}

// Whether it was asked in time: on a machine that starves this test the chance may have gone by, which says
// nothing of the drain.
bool asks_as_a_drain_begins(const std::string& listener, bool is_tls) {
  TestProxy proxy(
      "version: 1\naccess_log: { format: none }\n"
      "listeners: { egress: { bind: 127.0.0.1:0, " +
      listener + ", routes: [{ respond: { status: 204 } }] } }\n");
  Socket client = Socket::connect(proxy.address());
  if (is_tls) REQUIRE(client.secure(harness::Tls::client({}), harness::TlsEnd::Role::client));
  const base::Time begun = base::Clock::now();
  proxy.begin_drain();
  harness::wait_until_refused(proxy.address());
  client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  const bool is_in_time = base::Clock::now() - begun < http::last_chance;
  if (is_in_time) {
    const Answer answer = client.read_answer();
    CHECK(answer.status == 204);
    CHECK(answer.field("connection") == "close");
  }
  proxy.wait_until_ended();
  return is_in_time;
}

TEST_CASE("a drain answers who has connected and asks a moment later, on every kind of listener") {
  const std::string certificate =
      "tls: { cert: " + harness::certificate_path("good.crt") +
      ", key: " + harness::certificate_path("good.key") + " }";
  for (const std::string& kind : {std::string("protocols: [http1, h2]"),
                                  std::string("protocols: [http1]"), certificate}) {
    CAPTURE(kind);
    while (!asks_as_a_drain_begins(kind, kind == certificate)) {
    }
  }
}
