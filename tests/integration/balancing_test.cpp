// Which endpoint exchanges go to, and which are left out: as a configuration says it, over real
// sockets.
#include "tests/harness/h2_frames.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <thread>
#include <vector>

using harness::Answer;
using harness::comes_to_say;
using harness::H2Peer;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;
namespace h2 = harness::h2;

namespace {

// Answers each request with its name, or as it is told to.
class Named {
 public:
  explicit Named(std::string name)
      : name_(std::move(name)), origin_([this](Socket& peer) { serve(peer); }) {}
  std::string address() const { return origin_.address().to_string(); }
  int requests() const { return requests_.load(); }

  std::atomic<int> status{200};
  std::atomic<int> health_status{200};  // of /healthz
  std::atomic<int> checks{0};

 private:
  void serve(Socket& peer) {
    for (;;) {
      const std::string head = peer.read_head();
      if (head.empty()) return;
      const bool is_check = head.starts_with("GET /healthz ");
      ++(is_check ? checks : requests_);
      peer.send("HTTP/1.1 " + std::to_string((is_check ? health_status : status).load()) +
                " Status\r\ncontent-length: " + std::to_string(name_.size()) + "\r\n\r\n" + name_);
    }
  }

  const std::string name_;
  std::atomic<int> requests_{0};
  Origin origin_;
};

std::string yaml(const std::vector<std::string>& endpoints, const std::string& fields,
                 const std::string& top = "") {
  std::string list;
  for (const std::string& each : endpoints)
    list += (list.empty() ? "" : ", ") + (each.starts_with("{") ? each : '"' + each + '"');
  return "version: 1\nworkers: 2\naccess_log: { format: none }\n" + top +
         "admin: { bind: \"127.0.0.1:0\" }\n"
         "listeners: { egress: { bind: \"127.0.0.1:0\", routes: [{ to: app }] } }\n"
         "clusters: { app: { endpoints: [" +
         list + "], " + fields + " } }\n";
}

// Who answered so many requests, each on a connection of its own, and how often.
std::map<std::string, int> asked(const TestProxy& proxy, int count) {
  std::map<std::string, int> seen;
  for (int i = 0; i < count; ++i) {
    const Answer answer = harness::get(proxy.address(), "/");
    ++seen[answer.status == 200 ? answer.body : std::to_string(answer.status)];
  }
  return seen;
}

Answer get_with(const TestProxy& proxy, const std::string& field) {
  Socket client = Socket::connect(proxy.address());
  client.send("GET / HTTP/1.1\r\nhost: a.test\r\n" + field + "\r\n\r\n");
  return client.read_answer();
}

TEST_CASE(
    "balancing: an endpoint that fails in a row is ejected, for all workers, and comes back") {
  Named good("good");
  Named bad("bad");
  bad.status = 503;
  const std::string before =
      yaml({good.address(), bad.address()},
           "load_balancer: round_robin, outlier: { eject_for: 1s, consecutive_failures: 3 }");
  TestProxy proxy(before);
  CHECK(
      comes_to_say(proxy, "/metrics", "outrider_endpoints{cluster=\"app\",health=\"healthy\"} 2"));
  int failed = 0;
  while (bad.requests() < 3) failed += harness::get(proxy.address(), "/").status != 200;
  CHECK(failed == 3);
  bad.status = 200;
  // A reload keeps what is known, also if the rules are others.
  CHECK(proxy.reload(yaml({good.address(), bad.address()}, "load_balancer: random")).status == 200);
  const std::string clusters = proxy.ask("/clusters").body;
  if (clusters.find("\"health\":\"ejected\",\"ejected_for_ms\":") != clusters.npos)
    CHECK(asked(proxy, 5) == std::map<std::string, int>{{"good", 5}});
  CHECK(comes_to_say(proxy, "/metrics", "outrider_outlier_returns_total{cluster=\"app\"} 1"));
  CHECK(proxy.ask("/metrics").body.find("outrider_outlier_ejections_total{cluster=\"app\"} 1") !=
        std::string::npos);
  CHECK(asked(proxy, 40).size() == 2);
}

TEST_CASE("balancing: who is ejected gets no request of any worker") {
  Named good("good");
  Named bad("bad");
  bad.status = 500;
  TestProxy proxy(yaml({good.address(), bad.address()}, "load_balancer: round_robin"));
  while (bad.requests() < 5) harness::get(proxy.address(), "/");
  CHECK(asked(proxy, 60) == std::map<std::string, int>{{"good", 60}});
  CHECK(bad.requests() == 5);
  CHECK(
      comes_to_say(proxy, "/metrics", "outrider_endpoints{cluster=\"app\",health=\"ejected\"} 1"));
}

// A gRPC service whose calls begin well, with a message.
class Calls {
 public:
  // Each goes on with these frames.
  explicit Calls(std::function<std::string(H2Peer&, std::uint32_t)> end)
      : end_(std::move(end)), origin_([this](Socket& socket) { serve(socket); }) {}
  std::string address() const { return origin_.address().to_string(); }

 private:
  void serve(Socket& socket) {
    H2Peer peer(std::move(socket));
    if (!peer.accept()) return;
    for (std::uint32_t stream = 1;; stream += 2) {
      while (!peer.messages[stream].has_ended)
        if (!peer.read()) return;
      const h2::Fields head = {{":status", "200"}, {"content-type", "application/grpc"}};
      peer.send(peer.head(stream, head, false) +
                h2::frame(h2::data, 0, stream, std::string("\0\0\0\0\1x", 6)));
      peer.send(end_(peer, stream));
    }
  }

  const std::function<std::string(H2Peer&, std::uint32_t)> end_;
  Origin origin_;
};

TEST_CASE("balancing: a gRPC call counts by the status that it ends with") {
  Calls good([](H2Peer& peer, std::uint32_t stream) {
    return peer.head(stream, {{"grpc-status", "0"}}, true);
  });
  std::unique_ptr<Calls> bad;
  SUBCASE("in its trailers") {
    bad = std::make_unique<Calls>([](H2Peer& peer, std::uint32_t stream) {
      return peer.head(stream, {{"grpc-status", "14"}}, true);
    });
  }
  SUBCASE("or by being reset") {
    bad = std::make_unique<Calls>([](H2Peer&, std::uint32_t stream) {
      return h2::frame(h2::rst_stream, 0, stream, h2::number(2));
    });
  }
  if (!bad) return;
  TestProxy proxy(yaml({good.address(), bad->address()},
                       "protocol: h2, load_balancer: round_robin, "
                       "outlier: { consecutive_failures: 3, eject_for: 10m }"));
  H2Peer client(Socket::connect(proxy.address()));
  client.greet();
  for (std::uint32_t stream = 1; stream < 40; stream += 2) {
    h2::Fields call = H2Peer::get("/s/M");
    call[0].second = "POST";
    call.emplace_back("content-type", "application/grpc");
    client.send(client.head(stream, call, true));
    REQUIRE(client.wait_for(stream).has_ended);
  }
  CHECK(comes_to_say(proxy, "/metrics", "outrider_outlier_ejections_total{cluster=\"app\"} 1"));
}

TEST_CASE("balancing: a single endpoint is never ejected, nor anyone beyond max_ejected") {
  Named alone("alone");
  alone.status = 503;
  TestProxy proxy(yaml({alone.address()}, "connect_timeout: 3s"));
  CHECK(asked(proxy, 12) == std::map<std::string, int>{{"503", 12}});
  CHECK(alone.requests() == 12);
  Named one("one");
  Named other("other");
  one.status = other.status = 503;
  TestProxy both(yaml({one.address(), other.address()}, "load_balancer: round_robin"));
  CHECK(asked(both, 40) == std::map<std::string, int>{{"503", 40}});
  CHECK(comes_to_say(both, "/metrics", "outrider_outlier_ejections_total{cluster=\"app\"} 1"));
}

TEST_CASE("balancing: every method spreads requests by weight") {
  Named light("light");
  Named heavy("heavy");
  for (const char* method : {"round_robin", "random", "least_request", "ewma", "maglev"}) {
    CAPTURE(method);
    TestProxy proxy(yaml({light.address(), "{ address: \"" + heavy.address() + "\", weight: 9 }"},
                         std::string("load_balancer: ") + method));
    std::map<std::string, int> seen = asked(proxy, 60);
    CHECK(seen["light"] + seen["heavy"] == 60);
    CHECK(seen["heavy"] > (method == std::string("ewma") ? 20 : 40));
  }
}

TEST_CASE("balancing: what hashes alike goes to one endpoint, in every worker") {
  Named one("one");
  Named two("two");
  Named three("three");
  for (const char* method : {"ring_hash", "maglev"}) {
    TestProxy proxy(yaml({one.address(), two.address(), three.address()},
                         std::string("load_balancer: ") + method + ", hash_on: \"header:x-user\""));
    std::set<std::string> homes;
    for (int user = 0; user < 12; ++user) {
      std::set<std::string> seen;
      for (int i = 0; i < 4; ++i)
        seen.insert(get_with(proxy, "x-user: user-" + std::to_string(user)).body);
      CHECK(seen.size() == 1);
      homes.insert(*seen.begin());
    }
    CHECK(homes.size() > 1);
    CHECK(asked(proxy, 60).size() == 3);  // nothing to hash: by chance
  }
}

TEST_CASE("balancing: a session sticks to its endpoint by a cookie that is set when absent") {
  Named one("one");
  Named two("two");
  Named three("three");
  TestProxy proxy(yaml({one.address(), two.address(), three.address()},
                       "load_balancer: ring_hash, hash_on: { cookie: pin, ttl: 1h, path: /shop }"));
  std::set<std::string> homes;
  for (int session = 0; session < 12; ++session) {
    const Answer first = harness::get(proxy.address(), "/");
    const std::string cookie = first.field("set-cookie");
    CAPTURE(cookie);
    REQUIRE(cookie.find("; Path=/shop; Max-Age=3600; HttpOnly; SameSite=Lax") == 4 + 16);
    CHECK(cookie.find("Secure") == cookie.npos);
    homes.insert(first.body);
    for (int i = 0; i < 4; ++i) {
      const Answer next = get_with(proxy, "cookie: a=b; " + cookie.substr(0, cookie.find(';')));
      CHECK(next.body == first.body);
      CHECK(next.field("set-cookie") == "");
    }
  }
  CHECK(homes.size() > 1);
}

TEST_CASE("balancing: the own zone comes first, and others take over when it is gone") {
  Named near("near");
  Named far("far");
  const auto in = [](const Named& of, const char* zone) {
    return "{ address: \"" + of.address() + "\", zone: " + zone + " }";
  };
  TestProxy proxy(
      yaml({in(near, "a"), in(far, "b")}, "filters: [retry: {}]", "node: { zone: a }\n"));
  CHECK(asked(proxy, 20) == std::map<std::string, int>{{"near", 20}});
  near.status = 503;
  // A retry prefers another endpoint, and soon the near one is ejected.
  CHECK(asked(proxy, 20) == std::map<std::string, int>{{"far", 20}});
  CHECK(near.requests() < 30);
}

TEST_CASE("balancing: an endpoint that refuses connections costs nobody an error") {
  Named good("good");
  TestProxy proxy(
      yaml({harness::unused_address().to_string(), good.address()}, "load_balancer: round_robin"));
  CHECK(asked(proxy, 20) == std::map<std::string, int>{{"good", 20}});
}

TEST_CASE("health: an endpoint whose checks fail is left out until they succeed") {
  Named good("good");
  Named bad("bad");
  bad.health_status = 301;  // redirects fail
  TestProxy proxy(yaml({good.address(), bad.address()},
                       "load_balancer: round_robin, health: { path: /healthz, interval: 50ms, "
                       "unhealthy_after: 2, healthy_after: 3 }"));
  REQUIRE(comes_to_say(proxy, "/clusters", "\"health\":\"unhealthy\""));
  CHECK(bad.checks >= 2);
  CHECK(asked(proxy, 20) == std::map<std::string, int>{{"good", 20}});
  bad.health_status = 204;
  REQUIRE(
      comes_to_say(proxy, "/metrics", "outrider_endpoints{cluster=\"app\",health=\"healthy\"} 2"));
  CHECK(asked(proxy, 40).size() == 2);
  CHECK(comes_to_say(proxy, "/metrics",
                     "outrider_health_checks_total{cluster=\"app\",outcome=\"failure\"}"));
}

TEST_CASE("health: with too few that are well all are used, unless panic is 0%") {
  Named one("one");
  Named two("two");
  one.health_status = two.health_status = 500;
  const auto with = [&](const std::string& more) {
    return yaml({one.address(), two.address()},
                "load_balancer: round_robin, health: { path: /healthz, interval: 50ms }" + more);
  };
  const char* all = "outrider_endpoints{cluster=\"app\",health=\"unhealthy\"} 2";
  TestProxy proxy(with(""));
  REQUIRE(comes_to_say(proxy, "/metrics", all));
  CHECK(comes_to_say(proxy, "/clusters", "\"panic\":true"));
  CHECK(asked(proxy, 20).size() == 2);
  // The health is kept over the reload, and what has no check is healthy.
  CHECK(proxy.reload(with(", panic: 0%")).status == 200);
  const Answer answer = harness::get(proxy.address(), "/");
  CHECK(answer.status == 503);
  CHECK(answer.field("proxy-status").find("no_endpoint") != std::string::npos);
  CHECK(proxy.reload(yaml({one.address(), two.address()}, "panic: 0%")).status == 200);
  CHECK(harness::get(proxy.address(), "/").status == 200);
}

TEST_CASE("health: tcp asks for a connection alone") {
  Named good("good");
  TestProxy proxy(yaml({good.address(), harness::unused_address().to_string()},
                       "health: { tcp: true, interval: 50ms }"));
  CHECK(comes_to_say(proxy, "/metrics",
                     "outrider_endpoints{cluster=\"app\",health=\"unhealthy\"} 1"));
  CHECK(
      comes_to_say(proxy, "/metrics", "outrider_endpoints{cluster=\"app\",health=\"healthy\"} 1"));
}

TEST_CASE("health: grpc asks the health service over HTTP/2") {
  std::atomic<char> serving{2};  // NOT_SERVING
  std::atomic<int> named{0};
  Origin origin([&](Socket& socket) {
    H2Peer peer(Socket(std::move(socket)));
    if (!peer.accept()) return;
    const h2::Message& call = peer.wait_for(1);
    if (call.field(":path") == "/grpc.health.v1.Health/Check" &&
        call.body == std::string("\0\0\0\0\6\n\4shop", 11))
      ++named;
    peer.send(peer.head(1, {{":status", "200"}, {"content-type", "application/grpc"}}, false));
    peer.send(h2::frame(h2::data, 0, 1, std::string("\0\0\0\0\2\x08", 6) + serving.load()));
    peer.send(peer.head(1, {{"grpc-status", "0"}}, true));
    peer.wait_for_end();
  });
  TestProxy proxy(
      yaml({origin.address().to_string()}, "protocol: h2, health: { grpc: shop, interval: 50ms }"));
  CHECK(comes_to_say(proxy, "/metrics",
                     "outrider_endpoints{cluster=\"app\",health=\"unhealthy\"} 1"));
  CHECK(named >= 3);
  serving = 1;
  CHECK(
      comes_to_say(proxy, "/metrics", "outrider_endpoints{cluster=\"app\",health=\"healthy\"} 1"));
}

TEST_CASE("balancing: HTTP/2 connections are made anew at max_age, and nobody sees an error") {
  TestProxy origin(
      "version: 1\nworkers: 2\naccess_log: { format: none }\nadmin: { bind: \"127.0.0.1:0\" }\n"
      "listeners: { in: { bind: \"127.0.0.1:0\", direction: inbound, routes: [{ respond: { status: "
      "200, body: x } }] } }\n");
  TestProxy proxy(
      yaml({origin.address("in").to_string()}, "protocol: h2, pool: { max_age: 40ms }"));
  std::atomic<int> failed{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 3; ++i)
    clients.emplace_back([&] {
      Socket client = Socket::connect(proxy.address());
      const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(600);
      while (std::chrono::steady_clock::now() < until) {
        client.send("GET / HTTP/1.1\r\nhost: a.test\r\n\r\n");
        failed += client.read_answer().status != 200;
      }
    });
  for (std::thread& client : clients) client.join();
  CHECK(failed == 0);
  const std::string metrics = proxy.ask("/metrics").body;
  const std::string name = "outrider_pool_connects_total{cluster=\"app\"} ";
  const std::size_t at = metrics.find(name);
  REQUIRE(at != metrics.npos);
  CHECK(std::stoi(metrics.substr(at + name.size())) >= 6);
  CHECK(proxy.ask("/metrics")
            .body.find("outrider_attempts_total{cluster=\"app\",outcome=\"refused\"}") ==
        std::string::npos);
}

}  // namespace
