// A thundering herd in front of one origin.
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <future>

using harness::Origin;
using harness::Socket;
using harness::TestProxy;

TEST_CASE("collapse: a herd is one request upstream, also when its first client leaves") {
  std::promise<void> all_are_there;
  const std::shared_future<void> may_answer = all_are_there.get_future().share();
  std::atomic<int> asked{0};
  Origin origin([&](Socket& peer) {
    while (!peer.read_head().empty()) {
      ++asked;
      may_answer.wait();
      peer.send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf");
      peer.send(" more");
    }
  });
  TestProxy proxy(
      "version: 1\nworkers: 1\naccess_log: { format: none }\nadmin: { bind: \"127.0.0.1:0\" }\n"
      "listeners:\n  egress: { bind: 127.0.0.1:0, routes: [{ to: app }] }\n"
      "clusters:\n  app: { url: \"" +
      origin.url() + "\", filters: [collapse] }\n");
  std::vector<Socket> herd;
  for (int i = 0; i < 20; ++i) {
    herd.push_back(Socket::connect(proxy.address()));
    herd.back().send("GET /hot?x HTTP/1.1\r\nhost: a.test\r\n\r\n");
    const std::string in_flight = "outrider_requests_in_flight{listener=\"egress\"} ";
    CHECK(harness::comes_to_say(proxy, "/metrics", in_flight + std::to_string(i + 1) + "\n"));
  }
  herd.front().close();
  CHECK(harness::comes_to_say(proxy, "/metrics",
                              "outrider_requests_in_flight{listener=\"egress\"} 19\n"));
  all_are_there.set_value();
  for (Socket& client : herd)
    if (client.is_open()) CHECK(client.read_answer().body == "half more");
  CHECK(asked == 1);
  CHECK(harness::comes_to_say(proxy, "/metrics",
                              "outrider_collapsed_total{place=\"cluster app\"} 19"));
}
