// What is counted and shown of attempts, retries and breakers.
#include "tests/harness/json.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <string>

using harness::Origin;
using harness::Socket;
using harness::TestProxy;

TEST_CASE("attempts and retries are counted by what became of them, and breakers are shown") {
  std::atomic<int> requests{0};
  Origin origin([&requests](Socket& peer) {
    while (!peer.read_head().empty())
      peer.send(++requests == 1 ? "HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n"
                                : "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  });
  TestProxy proxy(
      "version: 1\n"
      "access_log: { format: none }\n"
      "admin: { bind: \"127.0.0.1:0\" }\n"
      "listeners:\n"
      "  egress: { bind: 127.0.0.1:0, routes: [{ to: app }] }\n"
      "clusters:\n"
      "  app:\n"
      "    url: \"" +
      origin.url() +
      "\"\n"
      "    filters: [retry: { backoff: { base: 1ms } }, circuit_breaker: {}]\n");
  CHECK(harness::get(proxy.address(), "/").status == 200);
  const std::string metrics = proxy.ask("/metrics").body;
  for (const char* line : {"outrider_attempts_total{cluster=\"app\",outcome=\"5xx\"} 1",
                           "outrider_attempts_total{cluster=\"app\",outcome=\"2xx\"} 1",
                           "outrider_retries_total{cluster=\"app\",reason=\"5xx\"} 1",
                           "outrider_breaker_state{place=\"cluster app\"} 0"})
    CHECK_MESSAGE(metrics.find(line) != std::string::npos, line);
  const std::string clusters = proxy.ask("/clusters").body;
  for (const char* text : {"\"breaker\":\"closed\"",
                           "\"breakers\":[{\"place\":\"cluster app\",\"state\":\"closed\","
                           "\"requests\":2,\"failures\":1}]"})
    CHECK_MESSAGE(clusters.find(text) != std::string::npos, clusters);
  for (const char* line :
       {"outrider_breaker_transitions_total{place=\"cluster app\",state=\"open\"} 0",
        "outrider_retries_denied_total{cluster=\"app\",reason=\"budget_exhausted\"} 0"})
    CHECK_MESSAGE(metrics.find(line) != std::string::npos, line);
}

TEST_CASE("retries are counted whatever ended the one before, and denials wherever they stand") {
  Origin origin(Origin::answering("x"));
  TestProxy proxy(
      "version: 1\n"
      "access_log: { format: none }\n"
      "admin: { bind: \"127.0.0.1:0\" }\n"
      "listeners:\n"
      "  egress:\n"
      "    bind: 127.0.0.1:0\n"
      "    routes:\n"
      "      - match: { path: /a }\n"
      "        to: app\n"
      "        filters: [retry: { backoff: { base: 1ms } }]\n"
      "clusters:\n"
      "  app: { url: \"" +
      origin.url() + "\", filters: [fault: { reset: { sample: 50% }, seed: 7 }] }\n");
  CHECK(proxy.ask("/metrics")
            .body.find("outrider_retries_denied_total{cluster=\"app\",reason="
                       "\"max_retries\"} 0") != std::string::npos);
  const std::string counted = "outrider_retries_total{cluster=\"app\",reason=\"reset\"} ";
  for (int i = 0; i < 20; ++i) harness::get(proxy.address(), "/a");
  const std::string metrics = proxy.ask("/metrics").body;
  const std::size_t at = metrics.find(counted);
  REQUIRE(at != std::string::npos);
  CHECK(std::atoi(metrics.c_str() + at + counted.size()) > 0);
}

TEST_CASE("breakers of listeners and routes are shown as well") {
  TestProxy proxy(
      "version: 1\n"
      "access_log: { format: none }\n"
      "admin: { bind: \"127.0.0.1:0\" }\n"
      "listeners:\n"
      "  egress:\n"
      "    bind: 127.0.0.1:0\n"
      "    filters: [circuit_breaker: {}]\n"
      "    routes: [{ name: all, respond: { status: 200 }, filters: [circuit_breaker: {}] }]\n");
  CHECK(harness::get(proxy.address(), "/").status == 200);
  const harness::Json all = harness::Json::parse(proxy.ask("/clusters").body)["breakers"];
  REQUIRE(all.items().size() == 2);
  CHECK(all.items()[0]["place"].text() == "listener egress");
  CHECK(all.items()[1]["place"].text() == "route egress/all");
  for (const harness::Json& breaker : all.items()) {
    CHECK(breaker["state"].text() == "closed");
    CHECK(breaker["requests"].number() == 1);
  }
}

TEST_CASE("series that are only expected leave room for those of what is used, however many") {
  for (const int clusters : {1, 600}) {
    CAPTURE(clusters);
    std::string yaml =
        "version: 1\nworkers: 1\naccess_log: { format: none }\nadmin: { bind: \"127.0.0.1:0\" }\n"
        "listeners:\n  egress:\n    bind: 127.0.0.1:0\n    routes:\n";
    for (int i = 0; i < 3'000; ++i) {
      const std::string n = std::to_string(i);
      yaml += "      - { match: { path: /" + n + " }, to: c" + std::to_string(i % clusters) + " }\n";
    }
    yaml += "      - { name: last, respond: { status: 204 } }\nclusters:\n";
    for (int i = 0; i < clusters; ++i)
      yaml += "  c" + std::to_string(i) + ": { url: \"http://127.0.0.1:1\", filters: [retry: {}] }\n";
    const TestProxy proxy(yaml);
    CHECK(harness::get(proxy.address(), "/used").status == 204);
    const std::string metrics = proxy.ask("/metrics").body;
    const auto says = [&](const std::string& text) { return metrics.find(text) != metrics.npos; };
    CHECK(says("route=\"last\",cluster=\"\",method=\"GET\",code=\"204\",reason=\"\"} 1\n"));
    CHECK(says("route=\"egress.1\",cluster=\"c0\",method=\"GET\",code=\"200\",reason=\"\"} 0\n"));
    CHECK(says("outrider_attempts_total{cluster=\"c0\",outcome=\"2xx\"} 0\n"));
    CHECK(says("outrider_series_folded_total 0\n"));
  }
}
