#include "proxy/upstream/discovery.hpp"

#include <doctest/doctest.h>

#include "proxy/upstream/clusters.hpp"
#include "tests/unit/net/name_server.hpp"
#include "tests/unit/upstream/peer.hpp"

namespace {

using base::Millis;
using net_test::a;
using upstream::EndpointSet;

config::Endpoint endpoint(std::string host, std::uint16_t port) {
  config::Endpoint made;
  made.host = std::move(host);
  made.port = port;
  return made;
}

struct DiscoveryTest {
  DiscoveryTest() {
    config::Cluster fixed;
    fixed.name = "fixed";
    fixed.endpoints = {endpoint("10.0.0.9", 80)};
    config::Cluster named;
    named.name = "named";
    named.endpoints = {endpoint("orders.test", 80)};
    named.dns.min_ttl = Millis{20};
    named.dns.max_ttl = Millis{20};
    named.dns.timeout = Millis{500};
    config.clusters = {fixed, named};
  }
  void start() {
    discovery.emplace(loop, resolver, config, [this](std::size_t index, auto set) {
      CHECK(index == 1);
      sets.push_back(std::move(set));
    });
  }
  bool turn_until(std::function<bool()> is_so) {
    return upstream_test::turn_until(loop, [&] {
      server.answer();
      return is_so();
    });
  }

  base::EventLoop loop;
  net_test::NameServer server;
  net::Resolver resolver{loop, server.address()};
  config::Config config;
  std::vector<std::shared_ptr<const EndpointSet>> sets;
  std::optional<upstream::Discovery> discovery;
};

TEST_CASE_FIXTURE(DiscoveryTest, "discovery: tells what changed, and asks again when the TTL is over") {
  server.answers[a] = {{"orders.test", a, 0, "10.0.0.1"}};
  start();
  CHECK(!discovery->is_settled());
  REQUIRE(turn_until([&] { return sets.size() == 1; }));
  CHECK(discovery->is_settled());
  CHECK(sets[0]->targets[0].address.to_string() == "10.0.0.1:80");
  const int asked = server.questions;
  REQUIRE(turn_until([&] { return server.questions >= asked + 4; }));
  CHECK(sets.size() == 1);
  server.answers[a] = {{"orders.test", a, 0, "10.0.0.1"}, {"orders.test", a, 0, "10.0.0.2"}};
  REQUIRE(turn_until([&] { return sets.size() == 2; }));
  CHECK(sets[1]->targets.size() == 2);
}

TEST_CASE_FIXTURE(DiscoveryTest, "discovery: a name that fails keeps the last good set") {
  server.code = 3;
  start();
  REQUIRE(turn_until([&] { return sets.size() == 1; }));
  REQUIRE(sets[0]->failure);
  CHECK(sets[0]->failure->reason == base::Reason::dns_failure);
  server.code = 0;
  server.answers[a] = {{"orders.test", a, 0, "10.0.0.1"}};
  REQUIRE(turn_until([&] { return sets.size() == 2; }));
  CHECK(!sets[1]->failure);
  server.code = 3;
  server.answers[a].clear();
  const int asked = server.questions;
  REQUIRE(turn_until([&] { return server.questions >= asked + 4; }));
  CHECK(sets.size() == 2);
}

TEST_CASE_FIXTURE(DiscoveryTest, "cluster: waits for its first endpoints, and keeps what stays") {
  upstream::Clusters clusters(loop, config, {});
  CHECK(clusters[0].is_known());
  upstream::Cluster& cluster = clusters[1];
  CHECK(!cluster.is_known());
  CHECK(cluster.pick(nullptr).error().reason == base::Reason::dns_failure);
  const upstream::Target one{*base::Address::parse("10.0.0.1:80")};
  const upstream::Target two{*base::Address::parse("10.0.0.2:80")};
  base::TaskGroup tasks(loop);
  const base::Child waiting = tasks.spawn(cluster.known(base::never));
  clusters.publish(1, {{one}});
  loop.turn(Millis{0});
  CHECK(!waiting.is_running());
  const base::Result<upstream::Endpoint*> before = cluster.pick(nullptr);
  CHECK(!cluster.has_alternatives());
  clusters.publish(1, {{two, one}});
  CHECK(cluster.has_alternatives());
  const base::Result<upstream::Endpoint*> after = cluster.pick(cluster.pick(*before).operator*());
  CHECK(*after == *before);
  clusters.publish(1, {{two}});
  CHECK((*cluster.pick(nullptr))->text == "10.0.0.2:80");
  CHECK(cluster.snapshot().endpoints.size() == 1);
  clusters.publish(1, {{}});
  CHECK(cluster.pick(nullptr).error().reason == base::Reason::no_endpoint);
}

}  // namespace
