// Two proxies in a row that share one HTTP/2 connection, as sidecars do.
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"
#include "tests/harness/tls.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <string>

using harness::Answer;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;

namespace {

std::string request(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nhost: app.test\r\n\r\n";
}

// Answers what is not /never, and tells of each request for that.
class App {
 public:
  const Origin& origin() const { return origin_; }
  void wait_for_held(int count) {
    int held = held_.load();
    while (held < count) {
      held_.wait(held);
      held = held_.load();
    }
  }

  void answer_late() {
    held_ += 1'000'000;
    held_.notify_all();
  }

 private:
  void serve(Socket& peer) {
    for (std::string head = peer.read_head(); !head.empty(); head = peer.read_head()) {
      if (head.starts_with("GET /late ")) wait_for_held(1'000'000);
      if (head.starts_with("GET /never ")) {
        ++held_;
        held_.notify_all();
        peer.read_some();
        return;
      }
      peer.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    }
  }

  std::atomic<int> held_{0};
  Origin origin_{[this](Socket& peer) { serve(peer); }};
};

struct Wire {
  std::string name;
  std::string listener;  // of the inner proxy
  std::string cluster;   // of the outer one
  int leavers;
};

Wire clear() {
  return {"clear", "", "", 400};
}

Wire mutual_tls() {
  const auto path = [](const std::string& file) { return harness::certificate_path(file); };
  const std::string ca = "ca: " + path("ca.pem");
  return {
      "mutual TLS",
      ", tls: { cert: " + path("good.crt") + ", key: " + path("good.key") + ", client_" + ca + " }",
      ", tls: { " + ca + ", cert: " + path("client.crt") + ", key: " + path("client.key") +
          ", server_name: app.test }",
      800};
}

std::string inner_config(const App& app, const Wire& wire) {
  return "version: 1\n"
         "workers: 1\n"
         "access_log: { format: none }\n"
         "listeners:\n"
         "  ingress: { bind: 127.0.0.1:0, direction: inbound, routes: [{ to: app }]" +
         wire.listener +
         " }\n"
         "clusters:\n"
         "  app: { url: \"" +
         app.origin().url() + "\" }\n";
}

std::string outer_config(const TestProxy& inner, const Wire& wire) {
  return "version: 1\n"
         "workers: 1\n"
         "access_log: { format: none }\n"
         "admin: { bind: \"127.0.0.1:0\" }\n"
         "listeners:\n"
         "  egress: { bind: 127.0.0.1:0, routes: [{ to: peer }] }\n"
         "clusters:\n"
         "  peer: { endpoints: [\"" +
         inner.address("ingress").to_string() + "\"], protocol: h2" + wire.cluster + " }\n";
}

}  // namespace

TEST_CASE("clients that leave cost those that stay nothing, though all share one connection") {
  for (const Wire& wire : {clear(), mutual_tls()}) {
    CAPTURE(wire.name);
    App app;
    TestProxy inner(inner_config(app, wire));
    TestProxy outer(outer_config(inner, wire));
    Socket late = Socket::connect(outer.address());
    late.send(request("/late"));
    Socket patient = Socket::connect(outer.address());
    int failed = 0;
    for (int i = 1; i <= wire.leavers; ++i) {
      Socket leaver = Socket::connect(outer.address());
      leaver.send(request("/never"));
      app.wait_for_held(i);
      leaver.reset();
      if (i % 10 != 0) continue;
      patient.send(request("/"));
      if (patient.read_answer().status != 200) ++failed;
    }
    CHECK(failed == 0);
    app.answer_late();
    CHECK(late.read_answer().status == 200);
  }
}
