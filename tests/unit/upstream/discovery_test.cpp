#include "proxy/upstream/discovery.hpp"

#include "proxy/upstream/clusters.hpp"
#include "tests/unit/net/name_server.hpp"
#include "tests/unit/upstream/peer.hpp"

#include <doctest/doctest.h>

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
    discovery.emplace(loop, resolver, [this](auto published) {
      CHECK(published->names.cluster == "named");
      sets.push_back(published->set);
    });
    discovery->follow({&config});
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

TEST_CASE_FIXTURE(DiscoveryTest,
                  "discovery: tells what changed, and asks again when the TTL is over") {
  server.answers[a] = {{"orders.test", a, 0, "10.0.0.1"}};
  start();
  CHECK(!discovery->is_settled());
  REQUIRE(turn_until([&] { return sets.size() == 1; }));
  CHECK(discovery->is_settled());
  CHECK(sets[0]->addresses[0].address.to_string() == "10.0.0.1:80");
  const int asked = server.questions;
  REQUIRE(turn_until([&] { return server.questions >= asked + 4; }));
  CHECK(sets.size() == 1);
  server.answers[a] = {{"orders.test", a, 0, "10.0.0.1"}, {"orders.test", a, 0, "10.0.0.2"}};
  REQUIRE(turn_until([&] { return sets.size() == 2; }));
  CHECK(sets[1]->addresses.size() == 2);
}

TEST_CASE_FIXTURE(DiscoveryTest, "discovery: a name that fails keeps the last good set") {
  server.code = 3;
  start();
  REQUIRE(turn_until([&] { return sets.size() == 1; }));
  REQUIRE(sets[0]->failure);
  CHECK(sets[0]->failure->reason == base::Reason::dns_failure);
  CHECK(discovery->failures().at("named") == 1);
  server.code = 0;
  server.answers[a] = {{"orders.test", a, 0, "10.0.0.1"}};
  REQUIRE(turn_until([&] { return sets.size() == 2; }));
  CHECK(!sets[1]->failure);
  server.code = 3;
  server.answers[a].clear();
  const int asked = server.questions;
  REQUIRE(turn_until([&] { return server.questions >= asked + 4; }));
  CHECK(sets.size() == 2);
  CHECK(discovery->failures().at("named") >= 2);
}

TEST_CASE_FIXTURE(DiscoveryTest, "discovery: counts failures from the start, of names only") {
  start();
  CHECK(discovery->failures() == std::map<std::string, std::uint64_t>{{"named", 0}});
}

TEST_CASE_FIXTURE(DiscoveryTest, "cluster: waits for its first endpoints, and keeps what stays") {
  base::Log log(STDERR_FILENO, base::Level::error, false);
  upstream::Pools pools(loop, upstream::net_dialers(loop, log));
  upstream::Clusters clusters(pools, config, {});
  const auto publish = [&](std::vector<upstream::WeightedAddress> addresses) {
    const auto set = std::make_shared<EndpointSet>(EndpointSet{std::move(addresses)});
    clusters.publish({upstream::ClusterNames(config.clusters[1]), set});
  };
  CHECK(clusters[0].is_known());
  upstream::Cluster& cluster = clusters[1];
  CHECK(!cluster.is_known());
  CHECK(cluster.pick(nullptr).error().reason == base::Reason::dns_failure);
  const upstream::WeightedAddress one{*base::Address::parse("10.0.0.1:80")};
  const upstream::WeightedAddress two{*base::Address::parse("10.0.0.2:80")};
  base::TaskGroup tasks(loop);
  const base::Child waiting = tasks.spawn(cluster.known(base::never));
  publish({one});
  loop.turn(Millis{0});
  CHECK(!waiting.is_running());
  const base::Result<upstream::Endpoint*> before = cluster.pick(nullptr);
  CHECK(!cluster.has_alternatives());
  publish({two, one});
  CHECK(cluster.has_alternatives());
  const base::Result<upstream::Endpoint*> after = cluster.pick(cluster.pick(*before).operator*());
  CHECK(*after == *before);
  publish({two});
  CHECK((*cluster.pick(nullptr))->text == "10.0.0.2:80");
  CHECK(cluster.snapshot().endpoints.size() == 1);
  publish({});
  CHECK(cluster.pick(nullptr).error().reason == base::Reason::no_endpoint);
}

TEST_CASE_FIXTURE(DiscoveryTest, "discovery: a reload asks anew only for what it did not know") {
  server.answers[a] = {{"orders.test", a, 0, "10.0.0.1"}};
  start();
  REQUIRE(turn_until([&] { return sets.size() == 1; }));
  config::Config same = config;
  discovery->follow({&same});
  CHECK(sets.size() == 1);
  CHECK(discovery->published().size() == 1);

  config::Config heavier = config;
  heavier.clusters[1].endpoints[0].weight = 3;
  discovery->follow({&same, &heavier});
  REQUIRE(sets.size() == 2);  // at once: its name is known
  CHECK(sets[1]->addresses[0].weight == 3);
  CHECK(discovery->published().size() == 2);
  discovery->follow({&heavier});
  CHECK(discovery->published().size() == 1);
  CHECK(discovery->published()[0]->names.are_of(heavier.clusters[1]));
  CHECK(!discovery->published()[0]->names.are_of(config.clusters[1]));

  config::Config none;
  CHECK(discovery->failures().size() == 1);
  discovery->follow({&none});
  CHECK(discovery->published().empty());
  CHECK(discovery->failures().empty());
}

TEST_CASE_FIXTURE(DiscoveryTest,
                  "pools: are kept by cluster, address, TLS, protocol and pool settings") {
  base::Log log(STDERR_FILENO, base::Level::error, false);
  upstream::Pools pools(loop, upstream::net_dialers(loop, log));
  auto first = std::make_unique<upstream::Clusters>(pools, config, upstream::TlsContexts());
  const auto chosen = [](upstream::Clusters& clusters) {
    return clusters[0].pick(nullptr).operator*();
  };
  const upstream::Endpoint* endpoint = chosen(*first);

  config::Config next = config;
  next.clusters[0].endpoints.push_back(::endpoint("10.0.0.8", 80));
  next.clusters[0].connect_timeout = Millis{5};
  next.clusters[0].load_balancer = config::Balancing::round_robin;
  next.clusters[0].filters.emplace_back();
  auto second = std::make_unique<upstream::Clusters>(pools, next, upstream::TlsContexts());
  CHECK(chosen(*second) == endpoint);

  const auto changes = {
      +[](config::Cluster& cluster) { cluster.name = "other"; },
      +[](config::Cluster& cluster) { cluster.protocol = config::Protocol::h2; },
      +[](config::Cluster& cluster) { cluster.pool.idle = Millis{1}; },
      +[](config::Cluster& cluster) { cluster.tls.emplace().server_name = "a.test"; },
  };
  for (const auto change : changes) {
    config::Config changed = config;
    change(changed.clusters[0]);
    upstream::Clusters third(pools, changed, {});
    CHECK(chosen(third) != endpoint);
  }

  // The configuration that named it alone has gone.
  first.reset();
  second.reset();
  pools.sweep();
  int left = 0;
  pools.each_of("fixed", [&](const upstream::EndpointPools&) { ++left; });
  CHECK(left == 0);
}

}  // namespace
