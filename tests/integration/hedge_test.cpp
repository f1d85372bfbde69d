// Hedges as clients and upstreams meet them: a second attempt beside a slow one, and what becomes of
// the one that is not needed any more.
#include "tests/harness/h2_frames.hpp"
#include "tests/harness/json.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <future>
#include <unistd.h>

using harness::Answer;
using harness::H2Peer;
using harness::Json;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;
namespace h2 = harness::h2;

namespace {

std::string hedging(const std::string& cluster, const std::string& top = "",
                    const std::string& after = "50ms") {
  return "version: 1\n"
         "workers: 1\n"
         "admin: { bind: \"127.0.0.1:0\" }\n" +
         (top.empty() ? std::string("access_log: { format: none }\n") : top) +
         "listeners:\n  egress: { bind: 127.0.0.1:0, routes: [{ to: app }] }\n"
         "clusters:\n  app: { " +
         cluster + ", filters: [retry: { hedge: { after: " + after + " } }] }\n";
}

// Never answers the first of its connections, and tells when that one was closed.
class FirstIsSilent {
 public:
  FirstIsSilent() : origin_([this](Socket& peer) { serve(peer); }) {}
  std::string url() const { return origin_.url(); }
  bool was_closed() {
    return closed_.get_future().wait_for(std::chrono::seconds{10}) == std::future_status::ready;
  }
  int asked() const { return asked_; }

 private:
  void serve(Socket& peer) {
    const bool is_first = connections_++ == 0;
    for (std::string head = peer.read_head(); !head.empty(); head = peer.read_head()) {
      bool is_whole = false;
      const std::string body = peer.read_body(head, is_whole);
      ++asked_;
      if (is_first) {
        while (!peer.read_some().empty()) {
        }
        return closed_.set_value();
      }
      peer.send("HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(body.size() + 3) +
                "\r\n\r\nis:" + body);
    }
  }

  std::atomic<int> connections_{0};
  std::atomic<int> asked_{0};
  std::promise<void> closed_;
  Origin origin_;
};

Answer ask(const TestProxy& proxy, const std::string& method, const std::string& body = "") {
  Socket client = Socket::connect(proxy.address());
  client.send(method + " /x HTTP/1.1\r\nhost: a.test\r\ncontent-length: " +
              std::to_string(body.size()) + "\r\n\r\n" + body);
  return client.read_answer();
}

}  // namespace

TEST_CASE("hedge: over HTTP/1 the slow attempt is closed, and log and metrics know both") {
  const std::string log = "/tmp/outrider-hedge." + std::to_string(getpid());
  FirstIsSilent app;
  {
    TestProxy proxy(
        hedging("url: \"" + app.url() + "\"", "access_log: { to: " + log + ", format: json }\n"));
    const Answer answer = ask(proxy, "PUT", "whole");
    CHECK(answer.status == 200);
    CHECK(answer.body == "is:whole");
    CHECK(app.was_closed());
    CHECK(app.asked() == 2);
    for (const char* series : {"outrider_hedges_total{cluster=\"app\",outcome=\"won\"} 1",
                               "outrider_attempts_total{cluster=\"app\",outcome=\"outrun\"} 1",
                               "outrider_attempts_total{cluster=\"app\",outcome=\"2xx\"} 1"})
      CHECK(harness::comes_to_say(proxy, "/metrics", series));
    CHECK(harness::comes_to_say(proxy, "/stats", "\"exchanges\":0"));
  }
  std::ifstream file(log);
  std::string line;
  std::getline(file, line);
  CHECK(Json::parse(line)["attempts"].number() == 2);
  CHECK(Json::parse(line)["status"].number() == 200);
  ::unlink(log.c_str());
}

TEST_CASE("hedge: over HTTP/2 the slow attempt is reset, and its connection lives on") {
  std::promise<std::uint32_t> code;
  Origin origin([&](Socket& socket) {
    H2Peer peer(std::move(socket));
    if (!peer.accept()) return;
    while (!peer.messages[3].has_ended && peer.read()) {
    }
    peer.send(peer.head(3, {{":status", "204"}}, true));
    while (!peer.messages[1].is_reset && peer.read()) {
    }
    code.set_value(peer.messages[1].code);
    while (!peer.messages[5].has_ended && peer.read()) {
    }
    peer.send(peer.head(5, {{":status", "204"}}, true));
    peer.wait_for_end();
  });
  TestProxy proxy(hedging("url: \"" + origin.url() + "\", protocol: h2"));
  CHECK(ask(proxy, "GET").status == 204);
  auto reset = code.get_future();
  REQUIRE(reset.wait_for(std::chrono::seconds{10}) == std::future_status::ready);
  CHECK(reset.get() == 8);  // CANCEL
  CHECK(ask(proxy, "GET").status == 204);
  CHECK(origin.connections() == 1);
}

TEST_CASE("hedge: prefers another endpoint") {
  Origin silent([](Socket& peer) {
    while (!peer.read_some().empty()) {
    }
  });
  Origin well(Origin::answering("well"));
  TestProxy proxy(hedging("endpoints: [\"" + silent.address().to_string() + "\", \"" +
                          well.address().to_string() + "\"]"));
  for (int i = 0; i < 6; ++i) CHECK(ask(proxy, "GET").body == "well");
}

// That it might have been hedged by then is known by a GET that was asked later, and is.
TEST_CASE("hedge: a POST waits for its only attempt") {
  std::atomic<int> posts{0}, gets{0};
  Origin slow([&](Socket& peer) {
    for (std::string head = peer.read_head(); !head.empty(); head = peer.read_head()) {
      std::atomic<int>& count = head.starts_with("POST") ? posts : gets;
      ++count;
      count.notify_all();
      for (int seen = gets; seen < 2; seen = gets) gets.wait(seen);
      peer.send("HTTP/1.1 204 No\r\n\r\n");
    }
  });
  TestProxy proxy(hedging("url: \"" + slow.url() + "\""));
  auto post = std::async(std::launch::async, [&] { return ask(proxy, "POST").status; });
  posts.wait(0);
  CHECK(ask(proxy, "GET").status == 204);
  CHECK(post.get() == 204);
  CHECK(posts == 1);
  CHECK(gets == 2);
}

TEST_CASE("hedge: a client that leaves ends both attempts") {
  std::atomic<int> begun{0};
  std::atomic<int> ended{0};
  Origin silent([&](Socket& peer) {
    peer.read_head();
    ++begun;
    while (!peer.read_some().empty()) {
    }
    ++ended;
  });
  TestProxy proxy(hedging("url: \"" + silent.url() + "\""));
  Socket client = Socket::connect(proxy.address());
  client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  CHECK(harness::comes_to_say(proxy, "/clusters", "\"streams\":2"));
  client.reset();
  CHECK(harness::comes_to_say(proxy, "/metrics",
                              "outrider_attempts_total{cluster=\"app\",outcome=\"client_gone\"} 2"));
  CHECK(harness::comes_to_say(proxy, "/clusters", "\"connections\":0"));
}
