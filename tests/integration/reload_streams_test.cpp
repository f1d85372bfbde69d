// What is under way when a reload comes ends on the configuration that it began with, whatever it
// is made of; what begins after it, on the same connection too, is under the new one.
#include "tests/harness/h2_frames.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <semaphore>

using harness::Answer;
using harness::comes_to_say;
using harness::H2Peer;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;
namespace h2 = harness::h2;

namespace {

std::string with_routes(const std::string& routes) {
  return "version: 1\nworkers: 1\naccess_log: { format: none }\nadmin: { bind: \"127.0.0.1:0\" }\n"
         "listeners:\n  egress: { bind: \"127.0.0.1:0\", routes: [" +
         routes + "] }\n";
}

// Marks what comes from the cluster, on the way back.
std::string old_one(const Origin& origin, const std::string& protocol) {
  return with_routes("{ to: app }") + "clusters:\n  app:\n    url: \"" + origin.url() +
         "\"\n    protocol: " + protocol +
         "\n    filters: [headers: { response: { set: { x-old: yes } } }]\n";
}

// Without that cluster.
std::string new_one(int status = 202) {
  return with_routes("{ respond: { status: " + std::to_string(status) + " } }");
}

// What an origin and its test tell each other.
struct Steps {
  std::counting_semaphore<> has_begun{0};
  std::counting_semaphore<> may_go_on{0};
};

// The old configuration is gone with the last that it served.
bool has_one_generation(const TestProxy& proxy) {
  return comes_to_say(proxy, "/metrics", "outrider_generations 1\n");
}

bool has_two_generations(const TestProxy& proxy) {
  return comes_to_say(proxy, "/metrics", "outrider_generations 2\n");
}

}  // namespace

TEST_CASE("reload: a stream of HTTP/2 ends as it began, and the next beside it is new") {
  Steps steps;
  Origin origin([&steps](Socket& peer) {
    peer.read_head();
    steps.has_begun.release();
    steps.may_go_on.acquire();
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate");
    peer.read_some();
  });
  TestProxy proxy(old_one(origin, "http1"));
  H2Peer client(Socket::connect(proxy.address()));
  client.greet();
  client.send(client.head(1, H2Peer::get("/"), true));
  steps.has_begun.acquire();
  CHECK(proxy.reload(new_one()).status == 200);
  client.send(client.head(3, H2Peer::get("/"), true));
  CHECK(client.wait_for(3).status == 202);
  CHECK(has_two_generations(proxy));
  steps.may_go_on.release();
  CHECK(client.wait_for(1).status == 200);
  CHECK(client.messages[1].body == "late");
  CHECK(client.messages[1].field("x-old") == "yes");
  CHECK_FALSE(client.has_goaway);
  CHECK(has_one_generation(proxy));
}

TEST_CASE("reload: a call of gRPC that is half said keeps its route, its answer and its trailers") {
  Steps steps;
  Origin origin([&steps](Socket& socket) {
    H2Peer peer(std::move(socket));
    if (!peer.accept()) return;
    while (peer.messages[1].body.empty() && peer.read()) {
    }
    steps.has_begun.release();
    if (!peer.wait_for(1).has_ended) return;
    peer.send(peer.head(1, {{":status", "200"}, {"content-type", "application/grpc"}}, false) +
              h2::frame(h2::data, 0, 1, peer.messages[1].body) +
              peer.head(1, {{"grpc-status", "0"}, {"x-sum", "7"}}, true));
    peer.wait_for_end();
  });
  TestProxy proxy(old_one(origin, "h2"));
  H2Peer client(Socket::connect(proxy.address()));
  h2::Fields call = H2Peer::get("/say");
  call[0].second = "POST";
  call.emplace_back("content-type", "application/grpc");
  call.emplace_back("te", "trailers");
  client.greet();
  client.send(client.head(1, call, false) + h2::frame(h2::data, 0, 1, std::string(5, '\0')));
  steps.has_begun.acquire();
  CHECK(proxy.reload(new_one()).status == 200);
  client.send(h2::frame(h2::data, h2::end_stream, 1, std::string(5, '\0')));
  const h2::Message& answer = client.wait_for(1);
  CHECK(answer.status == 200);
  CHECK(answer.field("x-old") == "yes");
  CHECK(answer.body == std::string(10, '\0'));
  CHECK(answer.trailers == h2::Fields{{"grpc-status", "0"}, {"x-sum", "7"}});
  CHECK(has_one_generation(proxy));
}

TEST_CASE("reload: a body that is still being sent up goes where it began to go") {
  Steps steps;
  std::string body;
  Origin origin([&](Socket& peer) {
    peer.read_head();
    body = peer.read_until("first\r\n");
    steps.has_begun.release();
    body += peer.read_until("0\r\n\r\n");
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    peer.read_some();
  });
  TestProxy proxy(old_one(origin, "http1"));
  Socket client = Socket::connect(proxy.address());
  client.send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n");
  steps.has_begun.acquire();
  CHECK(proxy.reload(new_one()).status == 200);
  CHECK(has_two_generations(proxy));
  client.send("4\r\nlast\r\n0\r\n\r\n");
  const Answer answer = client.read_answer();
  CHECK(answer.status == 200);
  CHECK(answer.field("x-old") == "yes");
  CHECK(body.find("first") < body.find("last"));
  client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  CHECK(client.read_answer().status == 202);
  CHECK(has_one_generation(proxy));
}

TEST_CASE("reload: a stream of events goes on through several") {
  Steps steps;
  Origin origin([&steps](Socket& peer) {
    peer.read_head();
    peer.send(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
        "transfer-encoding: chunked\r\n\r\n");
    for (int i = 0; i < 3; ++i) {
      steps.may_go_on.acquire();
      peer.send("9\r\ndata: " + std::to_string(i) + "\n\n\r\n");
    }
    steps.may_go_on.acquire();
    peer.send("0\r\n\r\n");
    peer.read_some();
  });
  TestProxy proxy(old_one(origin, "http1"));
  Socket client = Socket::connect(proxy.address());
  client.send("GET /events HTTP/1.1\r\nhost: a\r\n\r\n");
  CHECK(harness::field_of(client.read_head(), "x-old") == "yes");
  for (int i = 0; i < 3; ++i) {
    steps.may_go_on.release();
    const std::string event = "data: " + std::to_string(i) + "\n\n";
    CHECK(client.read_until(event).ends_with(event));
    CHECK(proxy.reload(new_one(202 + i)).status == 200);
  }
  CHECK(has_two_generations(proxy));
  steps.may_go_on.release();
  CHECK(client.read_until("0\r\n\r\n").ends_with("0\r\n\r\n"));
  client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  CHECK(client.read_answer().status == 204);
  CHECK(has_one_generation(proxy));
}

// What a route says is the configuration's own: a client that takes it later must still get it.
TEST_CASE("reload: an answer of a route that nobody has taken yet is whole") {
  const std::string words(3000, 'w');
  TestProxy proxy(with_routes("{ respond: { status: 200, body: \"" + words + "\" } }"));
  H2Peer client(Socket::connect(proxy.address()));
  client.send(std::string(h2::preface) + h2::frame(h2::settings, 0, 0, h2::setting(4, 0)));
  client.send(client.head(1, H2Peer::get("/"), true));
  while (client.messages[1].status == 0) REQUIRE(client.read());
  CHECK(proxy.reload(new_one()).status == 200);
  CHECK(has_one_generation(proxy));
  client.send(h2::frame(h2::window_update, 0, 1, h2::number(1 << 20)));
  CHECK(client.wait_for(1).body == words);
}
