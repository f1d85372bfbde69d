#include "proxy/upstream/discovery.hpp"

#include "proxy/upstream/clusters.hpp"
#include "tests/unit/net/name_server.hpp"
#include "tests/unit/upstream/peer.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

namespace {

namespace fs = std::filesystem;
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
    discovery.emplace(upstream::DiscoveryParts{loop, resolver, executor, log},
                      [this](auto published) {
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
  base::Executor executor;
  base::Log log{STDERR_FILENO, base::Level::error, false};
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
  net::HandshakeTurns turns(loop);
  upstream::Pools pools(loop, upstream::net_dialers(loop, turns, log));
  upstream::Clusters clusters(pools, config, {});
  const auto publish = [&](std::vector<upstream::WeightedAddress> addresses) {
    const auto set = std::make_shared<EndpointSet>(EndpointSet{std::move(addresses)});
    clusters.publish({upstream::ClusterNames(config.clusters[1]), set});
  };
  CHECK(clusters.at(config.clusters[0].name).is_known());
  upstream::Cluster& cluster = clusters.at(config.clusters[1].name);
  CHECK(!cluster.is_known());
  CHECK(cluster.pick({}).error().reason == base::Reason::dns_failure);
  const upstream::WeightedAddress one{*base::Address::parse("10.0.0.1:80")};
  const upstream::WeightedAddress two{*base::Address::parse("10.0.0.2:80")};
  base::TaskGroup tasks(loop);
  const base::Child waiting = tasks.spawn(cluster.known(base::never));
  publish({one});
  loop.turn(Millis{0});
  CHECK(!waiting.is_running());
  const base::Result<upstream::Endpoint*> before = cluster.pick({});
  CHECK(!cluster.has_alternatives());
  publish({two, one});
  CHECK(cluster.has_alternatives());
  const base::Result<upstream::Endpoint*> after = cluster.pick({*cluster.pick({*before})});
  CHECK(*after == *before);
  publish({two});
  CHECK((*cluster.pick({}))->text == "10.0.0.2:80");
  CHECK(cluster.snapshot().endpoints.size() == 1);
  publish({});
  CHECK(cluster.pick({}).error().reason == base::Reason::no_endpoint);
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

// A cluster whose endpoints a file lists.
struct FileDiscoveryTest : DiscoveryTest {
  FileDiscoveryTest() {
    char name[] = "/tmp/outrider-discovery-XXXXXX";
    REQUIRE(::mkdtemp(name));
    folder = name;
    file = folder / "endpoints.yaml";
    config.clusters[1].endpoints.clear();
    config.clusters[1].discovery.emplace().file = file;
  }
  ~FileDiscoveryTest() { fs::remove_all(folder); }

  // As one should: beside it, then in its place.
  void replace(const std::string& text) {
    std::ofstream(folder / ".new") << text;
    fs::rename(folder / ".new", file);
  }
  bool has_addresses(const std::vector<std::string>& texts) {
    const auto is_so = [&] {
      if (sets.empty()) return false;
      std::vector<std::string> now;
      for (const auto& each : sets.back()->addresses) now.push_back(each.address.to_string());
      return now == texts;
    };
    return turn_until(is_so);
  }

  fs::path folder, file;
};

TEST_CASE_FIXTURE(FileDiscoveryTest, "discovery: a file is read, and read again as it is replaced") {
  replace("- 10.0.0.1:80\n");
  start();
  REQUIRE(has_addresses({"10.0.0.1:80"}));
  replace("- { address: \"10.0.0.2:80\", weight: 3 }\n- 10.0.0.1:80\n");
  REQUIRE(has_addresses({"10.0.0.2:80", "10.0.0.1:80"}));
  CHECK(sets.back()->addresses[0].weight == 3);
  std::ofstream(file) << "- 10.0.0.3:80\n";  // written in place
  REQUIRE(has_addresses({"10.0.0.3:80"}));
  replace("[]\n");
  REQUIRE(has_addresses({}));
  CHECK(!sets.back()->failure);
}

TEST_CASE_FIXTURE(FileDiscoveryTest, "discovery: a file as Kubernetes mounts it") {
  const auto swap_in = [&](const std::string& version, const std::string& text) {
    fs::create_directory(folder / version);
    std::ofstream(folder / version / "endpoints.yaml") << text;
    fs::create_symlink(version, folder / "..data_tmp");
    fs::rename(folder / "..data_tmp", folder / "..data");
  };
  swap_in("..one", "- 10.0.0.1:80\n");
  fs::create_symlink("..data/endpoints.yaml", file);
  start();
  REQUIRE(has_addresses({"10.0.0.1:80"}));
  swap_in("..two", "- 10.0.0.2:80\n");
  fs::remove_all(folder / "..one");
  REQUIRE(has_addresses({"10.0.0.2:80"}));
  swap_in("..three", "- 10.0.0.3:80\n");
  REQUIRE(has_addresses({"10.0.0.3:80"}));
}

TEST_CASE_FIXTURE(FileDiscoveryTest, "discovery: a broken file keeps the last good set") {
  replace("- 10.0.0.1:80\n");
  start();
  REQUIRE(has_addresses({"10.0.0.1:80"}));
  CHECK(discovery->sources().at("named").is_good);
  for (const char* broken : {"- 10.0.0.2\n", "", "- [\n"}) {
    replace(broken);
    REQUIRE(turn_until([&] { return !discovery->sources().at("named").is_good; }));
    CHECK(sets.size() == 1);
    CHECK(discovery->sources().at("named").problem.ends_with("; what was listed before stays"));
    replace("# good\n- 10.0.0.1:80\n");
    REQUIRE(turn_until([&] { return discovery->sources().at("named").is_good; }));
  }
  CHECK(discovery->sources().at("named").problem.empty());
  fs::remove(file);
  REQUIRE(turn_until([&] { return !discovery->sources().at("named").is_good; }));
  CHECK(sets.size() == 1);
}

TEST_CASE_FIXTURE(FileDiscoveryTest, "discovery: a file that is not there yet is no endpoint") {
  start();
  CHECK(!discovery->is_settled());
  REQUIRE(turn_until([&] { return discovery->is_settled(); }));
  REQUIRE(sets.size() == 1);
  CHECK(sets[0]->failure->reason == base::Reason::no_endpoint);
  replace("- 10.0.0.1:80\n");
  REQUIRE(has_addresses({"10.0.0.1:80"}));
}

TEST_CASE_FIXTURE(FileDiscoveryTest, "discovery: names in a file are asked for, and kept if they stay") {
  server.answers_by_name = true;
  server.answers[a] = {{"one.test", a, 0, "10.0.0.1"}, {"two.test", a, 0, "10.0.0.2"}};
  replace("- one.test:80\n");
  start();
  REQUIRE(has_addresses({"10.0.0.1:80"}));
  server.is_silent = true;  // what is known of the one that stays is in use at once
  replace("- one.test:80\n- 10.0.0.9:80\n");
  REQUIRE(has_addresses({"10.0.0.1:80", "10.0.0.9:80"}));
  server.is_silent = false;
  replace("- two.test:80\n");
  REQUIRE(has_addresses({"10.0.0.2:80"}));
}

TEST_CASE_FIXTURE(DiscoveryTest, "discovery: SRV records say host, port, priority and weight") {
  using net_test::srv;
  const std::string name = "_http._tcp.orders.test";
  config.clusters[1].endpoints.clear();
  config.clusters[1].discovery.emplace().srv = name;
  server.answers_by_name = true;
  server.answers[srv] = {{name, srv, 0, "20 0 82 two.test"}, {name, srv, 0, "10 30 81 one.test"},
                         {name, srv, 0, "10 60 80 two.test"}};
  server.answers[a] = {{"one.test", a, 0, "10.0.0.1"}, {"two.test", a, 0, "10.0.0.2"}};
  start();
  REQUIRE(turn_until([&] { return discovery->is_settled() && !sets.empty(); }));
  std::vector<std::string> found;
  for (const auto& each : sets.back()->addresses)
    found.push_back(each.address.to_string() + " " + std::to_string(each.weight) + " " +
                    std::to_string(each.priority / 20));
  CHECK(found == std::vector<std::string>{"10.0.0.1:81 500 1", "10.0.0.2:80 1000 1",
                                          "10.0.0.2:82 1 2"});
  server.answers[srv] = {{name, srv, 0, "10 0 81 one.test"}};
  REQUIRE(turn_until([&] { return sets.back()->addresses.size() == 1; }));
  server.answers[srv].clear();
  REQUIRE(turn_until([&] { return !discovery->sources().at("named").is_good; }));
  CHECK(sets.back()->addresses.size() == 1);
  server.answers[srv] = {{name, srv, 0, "0 0 0 "}};  // there decidedly is no such service
  REQUIRE(turn_until([&] { return sets.back()->addresses.empty(); }));
  CHECK(!sets.back()->failure);
}

TEST_CASE_FIXTURE(DiscoveryTest, "discovery: of a name's families the one that is there is used") {
  server.answers[a] = {{"orders.test", a, 0, "127.0.0.1"}};
  server.answers[net_test::aaaa] = {{"orders.test", net_test::aaaa, 0, "::1"}};
  const int ipv6_only = ::socket(AF_INET6, SOCK_STREAM, 0);
  const base::Address::Socket any = base::Address::parse("[::1]:0")->socket();
  REQUIRE(::bind(ipv6_only, any.get(), any.size) == 0);
  REQUIRE(::listen(ipv6_only, 8) == 0);
  config.clusters[1].endpoints[0].port = base::Address::local_of(ipv6_only).port();
  start();
  REQUIRE(turn_until([&] { return sets.size() == 1; }));
  REQUIRE(sets[0]->addresses.size() == 2);
  for (const auto& each : sets[0]->addresses)
    CHECK(each.priority == (each.address.family() == AF_INET6 ? 0U : 1U));
  ::close(ipv6_only);
}

TEST_CASE_FIXTURE(DiscoveryTest,
                  "pools: are kept by cluster, address, TLS, protocol and pool settings") {
  net::HandshakeTurns turns(loop);
  upstream::Pools pools(loop, upstream::net_dialers(loop, turns, log));
  auto first = std::make_unique<upstream::Clusters>(pools, config, upstream::TlsContexts());
  const auto chosen = [](upstream::Clusters& clusters, const config::Config& of) {
    return clusters.at(of.clusters[0].name).pick({}).operator*();
  };
  const upstream::Endpoint* endpoint = chosen(*first, config);

  config::Config next = config;
  next.clusters[0].endpoints.push_back(::endpoint("10.0.0.8", 80));
  next.clusters[0].connect_timeout = Millis{5};
  next.clusters[0].load_balancer = config::Balancing::round_robin;
  next.clusters[0].filters.emplace_back();
  auto second = std::make_unique<upstream::Clusters>(pools, next, upstream::TlsContexts());
  CHECK(chosen(*second, next) == endpoint);

  const auto changes = {
      +[](config::Cluster& cluster) { cluster.name = "other"; },
      +[](config::Cluster& cluster) { cluster.protocol = config::HttpVersion::h2; },
      +[](config::Cluster& cluster) { cluster.pool.idle = Millis{1}; },
      +[](config::Cluster& cluster) { cluster.tls.emplace().server_name = "a.test"; },
  };
  for (const auto change : changes) {
    config::Config changed = config;
    change(changed.clusters[0]);
    upstream::Clusters third(pools, changed, {});
    CHECK(chosen(third, changed) != endpoint);
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
