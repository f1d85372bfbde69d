#include "proxy/http/endpoint_gate.hpp"

#include "proxy/http/attempt.hpp"
#include "tests/unit/upstream/forward_fixture.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace {

struct Gate final : http::EndpointGate {
  using http::EndpointGate::EndpointGate;
  bool admit(std::string_view endpoint, base::Time) override {
    asked.emplace_back(endpoint);
    return std::find(closed.begin(), closed.end(), endpoint) == closed.end();
  }
  void passed_over() noexcept override { ++passed; }
  void ended(const http::Outcome& outcome) noexcept override { outcomes.push_back(outcome.reason); }
  base::Error refusal() const override {
    return {base::Reason::circuit_open, base::Fault::upstream, "all are open"};
  }

  std::vector<std::string> closed;
  std::vector<std::string> asked;
  std::vector<base::Reason> outcomes;
  int passed = 0;
};

struct ThreeEndpoints {
  ThreeEndpoints() {
    config.clusters.resize(1);
    config.clusters[0].name = "app";
    config.clusters[0].load_balancer = config::Balancing::round_robin;
    for (const char* host : {"10.0.0.1", "10.0.0.2", "10.0.0.3"}) {
      config::Endpoint& endpoint = config.clusters[0].endpoints.emplace_back();
      endpoint.host = host;
      endpoint.port = 80;
    }
    clusters.emplace(pools, config, upstream::TlsContexts());
  }
  std::string picked(const void* avoid = nullptr) {
    const auto picked = clusters->at("app").pick({avoid, attempt.gate});
    return std::string(picked ? (*picked)->text.view() : base::to_string(picked.error().reason));
  }

  base::EventLoop loop;
  base::Log log{STDERR_FILENO, base::Level::error, false};
  net::HandshakeTurns turns{loop};
  upstream::Pools pools{loop, upstream::net_dialers(loop, turns, log)};
  config::Config config;
  std::optional<upstream::Clusters> clusters;
  http::Attempt attempt;
};

TEST_CASE("endpoint gate: the balancer takes another than the endpoint that it refuses") {
  ThreeEndpoints test;
  Gate gate(test.attempt);
  gate.closed = {"10.0.0.1:80", "10.0.0.3:80"};
  for (int i = 0; i < 6; ++i) CHECK(test.picked() == "10.0.0.2:80");
}

TEST_CASE("endpoint gate: where none is admitted it says why") {
  ThreeEndpoints test;
  Gate gate(test.attempt);
  gate.closed = {"10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"};
  CHECK(test.picked() == "circuit_open");
  CHECK(gate.asked.size() == 3);
}

TEST_CASE("endpoint gate: what is to be avoided is asked last") {
  ThreeEndpoints test;
  const void* avoided = *test.clusters->at("app").pick({});
  Gate gate(test.attempt);
  gate.closed = {"10.0.0.2:80", "10.0.0.3:80"};
  CHECK(test.picked(avoided) == "10.0.0.1:80");
  CHECK(gate.asked.size() == 3);
  CHECK(gate.asked.back() == "10.0.0.1:80");
}

TEST_CASE("endpoint gate: all must say yes, and who said so in vain knows it") {
  ThreeEndpoints test;
  Gate outer(test.attempt);
  outer.closed = {"10.0.0.1:80", "10.0.0.2:80"};
  {
    Gate inner(test.attempt);
    CHECK(test.picked() == "10.0.0.3:80");
    CHECK(inner.passed == static_cast<int>(inner.asked.size()) - 1);
    CHECK(outer.passed == 0);
  }
  CHECK(test.attempt.gate == &outer);
}

TEST_CASE(
    "endpoint gate: one that failed before anything was sent is told, and the next asked for") {
  upstream_test::ForwardTest test;
  config::Endpoint refusing_one;
  refusing_one.host = "127.0.0.1";
  refusing_one.port = 1;
  std::vector<config::Endpoint>& endpoints = test.config.clusters[0].endpoints;
  endpoints.insert(endpoints.begin(), refusing_one);
  test.config.clusters[0].load_balancer = config::Balancing::round_robin;
  upstream_test::Going& one = test.go();
  Gate gate(one.request.attempt);
  one.start();
  CHECK(upstream_test::turn_until(test.loop, [&] { return gate.asked.size() == 2; }));
  CHECK(gate.asked == std::vector<std::string>{"127.0.0.1:1", test.peer.address.to_string()});
  CHECK(gate.outcomes == std::vector<base::Reason>{base::Reason::connect_failure});
  test.tasks.cancel_all();
  test.loop.turn(base::Millis{0});
}

}  // namespace
