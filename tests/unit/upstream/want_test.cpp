#include "tests/unit/upstream/pool_fixture.hpp"
#include "tests/unit/upstream/virtual_world.hpp"

#include <doctest/doctest.h>

namespace {

using namespace upstream_test;
using upstream::Opened;
using upstream::Want;

struct Asked {
  static base::Task<> wait(upstream::Pool& pool, Asked& self, Want want) {
    base::Result<Opened> opened = co_await pool.open(want, base::never);
    self.result.emplace(std::move(opened));
  }
  bool is_open() const { return result && result->ok(); }
  std::optional<base::Result<Opened>> result;
};

TEST_CASE_FIXTURE(PoolFixture, "pool: a tunnel is a transport of its own, counted while it lasts") {
  cluster.pool.connections = 1;
  made();
  Asked first;
  tasks.spawn(Asked::wait(*pool, first, {.tunnel = true})).release();
  PeerConnection connection = peer.accept();
  REQUIRE(turn_until(loop, [&] { return first.is_open(); }));
  CHECK(!(*first.result)->stream);
  REQUIRE((*first.result)->tunnel);
  CHECK(pool->snapshot().tunnels == 1);
  CHECK(pool->snapshot().open == 0);
  CHECK(in_flight == 1);

  net::Transport& transport = *(*first.result)->tunnel;
  transport.send("any bytes");
  CHECK(connection.read_until("bytes") == "any bytes");
  connection.send("and back");
  net::Input input;
  REQUIRE(turn_until(loop, [&] {
    input = transport.read_now();
    return input.state == net::Input::State::data;
  }));
  CHECK(input.bytes.view() == "and back");

  // It takes the one place that there is.
  Asked second;
  tasks.spawn(Asked::wait(*pool, second, {})).release();
  CHECK(!peer.has_visitor());
  first.result.reset();
  CHECK(connection.is_closed());
  PeerConnection next = peer.accept();
  CHECK(turn_until(loop, [&] { return second.is_open(); }));
  CHECK(pool->snapshot().tunnels == 0);
  second.result.reset();
  tasks.cancel_all();
}

struct NoOwner final : upstream::Pool::Owner {
  void on_reachability(bool) override {}
};

TEST_CASE("pool: HTTP/1 stands beside HTTP/2 where both are offered") {
  base::Loop loop;
  VirtualEndpoints endpoints;
  VirtualDialer dialer(loop, endpoints);
  NoOwner owner;
  const base::Address address = *base::Address::parse("10.0.0.1:443");
  VirtualEndpoint& endpoint = endpoints[address.to_string()];
  endpoint.is_h2 = true;
  const upstream::PoolSettings settings(config::Cluster(), true);
  std::uint32_t in_flight = 0;
  upstream::Pool pool(loop, settings, dialer, address, in_flight, owner);
  base::TaskGroup tasks(loop);
  std::deque<Asked> asked;
  const auto ask = [&](Want want) {
    tasks.spawn(Asked::wait(pool, asked.emplace_back(), want)).release();
    loop.advance(base::Millis{5});
    REQUIRE(asked.back().is_open());
  };
  const auto protocols = [&] {
    std::string all;
    for (const auto& each : pool.snapshot().connections) all += std::string(each.protocol) + ' ';
    return all;
  };
  ask({});
  ask({.protocol = config::HttpVersion::http1});
  CHECK(protocols() == "h2 http1 ");
  ask({});
  ask({.protocol = config::HttpVersion::h2});
  CHECK(protocols() == "h2 http1 ");
  ask({.protocol = config::HttpVersion::http1});
  CHECK(protocols() == "h2 http1 http1 ");
  asked.clear();
  ask({.protocol = config::HttpVersion::http1});
  CHECK((*asked.back().result)->was_reused);
  CHECK(pool.snapshot().connects == 3);
  asked.clear();
}

TEST_CASE("pool: what the cluster does not speak is refused at once") {
  base::Loop loop;
  VirtualEndpoints endpoints;
  VirtualDialer dialer(loop, endpoints);
  NoOwner owner;
  config::Cluster cluster;
  cluster.protocol = config::HttpVersion::h2;
  const upstream::PoolSettings settings(cluster, false);
  std::uint32_t in_flight = 0;
  upstream::Pool pool(loop, settings, dialer, *base::Address::parse("10.0.0.1:80"), in_flight,
                      owner);
  auto opened = pool.open({.protocol = config::HttpVersion::http1}, base::never);
  REQUIRE(opened.value());
  CHECK(opened.value()->error().reason == base::Reason::upstream_protocol_error);
}

}  // namespace
