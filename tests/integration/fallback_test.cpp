// Fallbacks as clients meet them: an upstream that fails, and what is answered instead.
#include "tests/harness/json.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <fstream>
#include <unistd.h>

using harness::Answer;
using harness::Json;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;

namespace {

// Answers 200, and 503 once it is told to.
class Failing {
 public:
  Failing() : app_([this](Socket& peer) { serve(peer); }) {}
  void fail() { is_failing_ = true; }
  std::string url() const { return app_.url(); }
  int asked() const { return asked_; }

 private:
  void serve(Socket& peer) {
    for (std::string head = peer.read_head(); !head.empty(); head = peer.read_head()) {
      bool is_whole = false;
      peer.read_body(head, is_whole);
      ++asked_;
      if (is_failing_)
        peer.send("HTTP/1.1 503 No\r\ncontent-length: 2\r\n\r\nno");
      else
        peer.send("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 4\r\n\r\ngood");
    }
  }

  std::atomic<bool> is_failing_{false};
  std::atomic<int> asked_{0};
  Origin app_;
};

std::string with_fallback(const std::string& url, const std::string& fields,
                          const std::string& others = "", const std::string& top = "") {
  return "version: 1\n"
         "workers: 1\n"
         "admin: { bind: \"127.0.0.1:0\" }\n" +
         (top.empty() ? std::string("access_log: { format: none }\n") : top) +
         "listeners:\n"
         "  egress:\n"
         "    bind: 127.0.0.1:0\n"
         "    routes: [{ to: app, filters: [fallback: { " +
         fields +
         " }] }]\n"
         "clusters:\n"
         "  app: { url: \"" +
         url + "\", pool: { hold: 0s } }\n" + others;
}

Answer ask(const TestProxy& proxy, const std::string& method, const std::string& body = "") {
  Socket client = Socket::connect(proxy.address());
  client.send(method + " /x HTTP/1.1\r\nhost: a.test\r\ncontent-length: " +
              std::to_string(body.size()) + "\r\n\r\n" + body);
  return client.read_answer(method == "HEAD");
}

}  // namespace

TEST_CASE("fallback: a fixed answer in place of an upstream that is not there; the log says why") {
  const std::string log = "/tmp/outrider-fallback." + std::to_string(getpid());
  {
    TestProxy proxy(with_fallback(
        "http://" + harness::unused_address().to_string(),
        "respond: { status: 200, body: \"[]\", headers: { content-type: application/json } }", "",
        "access_log: { to: " + log + ", format: json }\n"));
    const Answer answer = ask(proxy, "GET");
    CHECK(answer.status == 200);
    CHECK(answer.body == "[]");
    CHECK(answer.field("content-type") == "application/json");
    CHECK(ask(proxy, "HEAD").status == 200);
    CHECK(harness::comes_to_say(proxy, "/requests",
                                "answered by `respond` instead of connect_failure"));
    CHECK(harness::comes_to_say(proxy, "/metrics",
                                "method=\"GET\",code=\"200\",reason=\"connect_failure\"} 1"));
  }
  std::ifstream file(log);
  std::string line;
  std::getline(file, line);
  CHECK(Json::parse(line)["reason"].text() == "connect_failure");
  CHECK(Json::parse(line)["status"].number() == 200);
  ::unlink(log.c_str());
}

TEST_CASE("fallback: the last good answer in place of one that failed") {
  Failing app;
  TestProxy proxy(with_fallback(app.url(), "stale: {}"));
  CHECK(ask(proxy, "GET").body == "good");
  app.fail();
  const Answer answer = ask(proxy, "GET");
  CHECK(answer.status == 200);
  CHECK(answer.body == "good");
  CHECK(answer.field("content-type") == "text/plain");
  CHECK(answer.field("cache-status") == "outrider; hit; detail=\"503\"");
  CHECK_FALSE(answer.field("age").empty());
  CHECK(harness::comes_to_say(proxy, "/requests", "answered by `stale` instead of status 503"));
  CHECK(ask(proxy, "POST").status == 503);
  // Also under a configuration that leaves the filter as it is.
  CHECK(proxy.reload(with_fallback(app.url(), "stale: {}") + "x-changed: 1\n").status == 200);
  CHECK(ask(proxy, "GET").body == "good");
}

TEST_CASE("fallback: another cluster answers, with the body of the request") {
  Failing app;
  app.fail();
  Origin other(Origin::echo());
  TestProxy proxy(
      with_fallback(app.url(), "to: other", "  other: { url: \"" + other.url() + "\" }\n"));
  CHECK(ask(proxy, "PUT", "what was sent").body == "what was sent");
  const Answer post = ask(proxy, "POST", "what was sent");
  CHECK(post.status == 503);  // it might be done twice
  CHECK(post.body == "no");
  CHECK(app.asked() == 2);
  CHECK(harness::comes_to_say(proxy, "/metrics",
                              "outrider_requests_total{listener=\"egress\",route=\"egress.1\","
                              "cluster=\"other\",method=\"PUT\",code=\"200\""));
  CHECK(harness::comes_to_say(proxy, "/requests", "\"fallback\""));
  const Json kept = Json::parse(proxy.ask("/requests").body)["requests"].items().back();
  CHECK(kept["status"].number() == 200);
  CHECK(kept["cluster"].text() == "other");
  CHECK(kept["fallback"]["by"].text() == "to");
  CHECK(kept["fallback"]["cluster"].text() == "app");
  CHECK(kept["fallback"]["status"].number() == 503);
  CHECK(kept["attempts"].items().front()["cluster"].text() == "app");
  CHECK(kept["attempts"].items().back()["cluster"].is_null());
  const std::string large(100'000, 'x');  // more than is kept to be sent again
  CHECK(ask(proxy, "PUT", large).status == 503);
}

TEST_CASE("fallback: what one route got from its host is not kept for another route") {
  std::atomic<int> requests{0};
  Origin origin([&requests](Socket& peer) {
    while (!peer.read_head().empty())
      peer.send(++requests == 1
                    ? "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na"
                    : "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
  });
  TestProxy proxy(
      "version: 1\nworkers: 1\naccess_log: { format: none }\nadmin: { bind: \"127.0.0.1:0\" }\n"
      "listeners:\n  egress:\n    bind: 127.0.0.1:0\n    routes:\n"
      "      - { match: { headers: { x-t: b } }, rewrite: { host: b.test }, to: app }\n"
      "      - { rewrite: { host: a.test }, to: app }\n"
      "clusters: { app: { url: \"" +
      origin.url() + "\", filters: [fallback: { stale: {} }] } }\n");
  const auto status = [&proxy](const std::string& field) {
    Socket client = Socket::connect(proxy.address());
    client.send("GET /x HTTP/1.1\r\nhost: c.test\r\n" + field + "\r\n");
    return client.read_answer().status;
  };
  CHECK(status("") == 200);
  CHECK(status("") == 200);  // kept
  CHECK(status("x-t: b\r\n") == 503);
}
