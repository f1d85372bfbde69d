// Mirrored requests as a shadow cluster meets them: copies that no client waits for.
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <vector>

using harness::Answer;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;

namespace {

// Keeps what it was asked; answers each with a 500 that nobody is to see.
class Shadow {
 public:
  struct Asked {
    std::string head;
    std::string body;
  };
  Shadow() : origin_([this](Socket& peer) { serve(peer); }) {}
  std::string url() const { return origin_.url(); }
  // The next that came, within ten seconds.
  Asked next() {
    std::unique_lock lock(mutex_);
    came_.wait_for(lock, std::chrono::seconds{10}, [&] { return at_ < asked_.size(); });
    return at_ < asked_.size() ? asked_[at_++] : Asked{};
  }
  std::size_t count() {
    const std::lock_guard lock(mutex_);
    return asked_.size();
  }

 private:
  void serve(Socket& peer) {
    for (std::string head = peer.read_head(); !head.empty(); head = peer.read_head()) {
      bool is_whole = false;
      std::string body = peer.read_body(head, is_whole);
      {
        const std::lock_guard lock(mutex_);
        asked_.push_back({head, std::move(body)});
      }
      came_.notify_all();
      peer.send("HTTP/1.1 500 No\r\ncontent-length: 6\r\n\r\nshadow");
    }
  }

  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<Asked> asked_;
  std::size_t at_ = 0;
  Origin origin_;
};

std::string mirroring(const std::string& app, const std::string& shadow,
                      const std::string& mirror = "to: shadow", const std::string& filters = "[]",
                      const std::string& of_shadow = "[retry: {}]") {
  return "version: 1\n"
         "workers: 1\n"
         "admin: { bind: \"127.0.0.1:0\" }\n"
         "access_log: { format: none }\n"
         "listeners:\n"
         "  egress:\n"
         "    bind: 127.0.0.1:0\n"
         "    routes:\n"
         "      - { to: app, mirror: { " +
         mirror + " }, filters: " + filters +
         " }\n"
         "clusters:\n"
         "  app: { url: \"" +
         app + "\" }\n  shadow: { url: \"" + shadow + "\", filters: " + of_shadow + " }\n";
}

Answer ask(const TestProxy& proxy, const std::string& method, const std::string& body = "") {
  Socket client = Socket::connect(proxy.address());
  client.send(method + " /x?q=1 HTTP/1.1\r\nhost: a.test\r\ncontent-length: " +
              std::to_string(body.size()) + "\r\n\r\n" + body);
  return client.read_answer();
}

std::string sent(int count) {
  return "outrider_mirrored_total{listener=\"egress\",route=\"egress.1\",cluster=\"shadow\"} " +
         std::to_string(count);
}
std::string dropped(const std::string& reason, int count) {
  return "outrider_mirrored_dropped_total{listener=\"egress\",route=\"egress.1\",cluster="
         "\"shadow\",reason=\"" +
         reason + "\"} " + std::to_string(count);
}

}  // namespace

TEST_CASE("mirror: the shadow gets what the route's filters made of the request, and is not heard") {
  Origin app(Origin::echo());
  Shadow shadow;
  TestProxy proxy(mirroring(app.url(), shadow.url(), "to: shadow",
                            "[headers: { request: { set: { x-by: route } } }]",
                            "[{ retry: {} }, { headers: { request: { set: { x-to: shadow } } } }]"));
  const Answer answer = ask(proxy, "POST", "whole");
  CHECK(answer.status == 200);
  CHECK(answer.body == "whole");
  const Shadow::Asked copy = shadow.next();
  CHECK(copy.head.starts_with("POST /x?q=1 HTTP/1.1\r\n"));
  CHECK(harness::field_of(copy.head, "host") == "a.test");
  CHECK(harness::field_of(copy.head, "x-by") == "route");
  CHECK(harness::field_of(copy.head, "x-to") == "shadow");
  CHECK(copy.body == "whole");
  CHECK(ask(proxy, "GET").status == 200);
  CHECK(shadow.next().head.starts_with("GET /x?q=1 "));
  CHECK(harness::comes_to_say(proxy, "/metrics", sent(2)));
  // Its retry is left out, and its answer counts as an attempt of its own cluster alone.
  CHECK(harness::comes_to_say(proxy, "/metrics",
                              "outrider_attempts_total{cluster=\"shadow\",outcome=\"5xx\"} 2"));
  CHECK(shadow.count() == 2);
}

TEST_CASE("mirror: once for a request, however many attempts of it are made") {
  std::atomic<int> asked{0};
  Origin flaky([&](Socket& peer) {
    for (std::string head = peer.read_head(); !head.empty(); head = peer.read_head()) {
      bool is_whole = false;
      peer.read_body(head, is_whole);
      peer.send(asked++ % 3 < 2 ? "HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n"
                                : "HTTP/1.1 204 Yes\r\n\r\n");
    }
  });
  Shadow shadow;
  TestProxy proxy(mirroring(flaky.url(), shadow.url(), "to: shadow",
                            "[retry: { backoff: { base: 1ms } }]"));
  CHECK(ask(proxy, "PUT", "x").status == 204);
  CHECK(ask(proxy, "GET").status == 204);
  CHECK(shadow.next().body == "x");
  CHECK(shadow.next().head.starts_with("GET"));
  CHECK(harness::comes_to_say(proxy, "/metrics", sent(2)));
  CHECK(shadow.count() == 2);
}

TEST_CASE("mirror: a share of the requests") {
  Origin app(Origin::answering("app"));
  Shadow shadow;
  SUBCASE("none") {
    TestProxy proxy(mirroring(app.url(), shadow.url(), "to: shadow, sample: 0%"));
    for (int i = 0; i < 5; ++i) CHECK(ask(proxy, "GET").status == 200);
    CHECK(harness::comes_to_say(proxy, "/metrics", sent(0)));
  }
  SUBCASE("some") {
    TestProxy proxy(mirroring(app.url(), shadow.url(), "to: shadow, sample: 50%"));
    Socket client = Socket::connect(proxy.address());
    for (int i = 0; i < 200; ++i) {
      client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
      CHECK(client.read_answer().status == 200);
    }
    const std::string metrics = proxy.ask("/metrics").body;
    const std::size_t at = metrics.find(sent(0).substr(0, sent(0).size() - 1));
    REQUIRE(at != metrics.npos);
    const int count = std::stoi(metrics.substr(at + sent(0).size() - 1));
    CHECK(count > 60);
    CHECK(count < 140);
  }
}

TEST_CASE("mirror: at most 64 KiB of body; the request itself is not bounded") {
  Origin app(Origin::answering("app"));
  Shadow shadow;
  TestProxy proxy(mirroring(app.url(), shadow.url()));
  CHECK(ask(proxy, "POST", std::string(65'536, 'a')).status == 200);
  CHECK(shadow.next().body.size() == 65'536);
  CHECK(ask(proxy, "POST", std::string(65'537, 'b')).status == 200);
  CHECK(harness::comes_to_say(proxy, "/metrics", dropped("too_large", 1)));
  CHECK(shadow.count() == 1);
}

TEST_CASE("mirror: at most 100 at a time, and a shadow that hangs or is not there costs nobody") {
  Origin app(Origin::answering("app"));
  Origin hangs([](Socket& peer) {
    while (!peer.read_some().empty()) {
    }
  });
  SUBCASE("hangs") {
    TestProxy proxy(mirroring(app.url(), hangs.url()));
    Socket client = Socket::connect(proxy.address());
    for (int i = 0; i < 120; ++i) {
      client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
      CHECK(client.read_answer().body == "app");
    }
    CHECK(harness::comes_to_say(proxy, "/metrics", sent(100)));
    CHECK(harness::comes_to_say(proxy, "/metrics", dropped("full", 20)));
    // Under the next configuration those that hang are still there.
    CHECK(proxy.reload(mirroring(app.url(), hangs.url()) + "x-changed: 1\n").status == 200);
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    CHECK(client.read_answer().body == "app");
    CHECK(harness::comes_to_say(proxy, "/metrics", dropped("full", 21)));
  }
  SUBCASE("is not there") {
    TestProxy proxy(
        mirroring(app.url(), "http://" + harness::unused_address().to_string()));
    CHECK(ask(proxy, "POST", "x").body == "app");
    CHECK(harness::comes_to_say(proxy, "/metrics", sent(1)));
  }
}

TEST_CASE("mirror: a body that does not come whole is not mirrored") {
  Origin app([](Socket& peer) {
    peer.read_head();
    while (!peer.read_some().empty()) {
    }
  });
  Shadow shadow;
  TestProxy proxy(mirroring(app.url(), shadow.url()));
  {
    Socket client = Socket::connect(proxy.address());
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf");
    client.reset();
  }
  CHECK(harness::comes_to_say(proxy, "/metrics", "reason=\"client_gone\"} 1"));
  CHECK(proxy.ask("/metrics").body.find(sent(0)) != std::string::npos);
  CHECK(shadow.count() == 0);
}
