#include "proxy/upstream/client_pools.hpp"

#include "proxy/base/loop.hpp"
#include "tests/unit/upstream/virtual_world.hpp"

#include <doctest/doctest.h>

#include <string>

namespace {

using namespace upstream_test;
using upstream::ClientPools;
using upstream::Opened;
using upstream::Pool;

struct NoOwner final : Pool::Owner {
  void on_reachability(bool is_seen) override {
    ++told;
    was_seen = is_seen;
  }
  int told = 0;
  bool was_seen = false;  // the last time
};

struct World {
  explicit World(std::size_t most) : pools(make(), owner, most) {}

  ClientPools::Make make() {
    return [this](std::string header) {
      return std::make_unique<Pool>(loop, settings, dialer, address, in_flight, owner,
                                    std::move(header));
    };
  }
  // One exchange of that client, begun and ended; false = it failed.
  bool ask(const std::string& header) {
    Pool* pool = pools.of(header);
    if (!pool) return false;
    bool is_well = false;
    base::TaskGroup tasks(loop);
    tasks.spawn(use(*pool, is_well)).release();
    loop.advance(base::Millis{5});
    return is_well;
  }
  static base::Task<> use(Pool& pool, bool& is_well) {
    const base::Result<Opened> opened = co_await pool.open({}, base::never);
    is_well = opened.ok();
  }
  VirtualEndpoint& endpoint() { return endpoints[address.to_string()]; }

  base::Loop loop;
  VirtualEndpoints endpoints;
  VirtualDialer dialer{loop, endpoints};
  NoOwner owner;
  const base::Address address = *base::Address::parse("10.0.0.1:80");
  const upstream::PoolSettings settings{config::Cluster(), false};
  std::uint32_t in_flight = 0;
  ClientPools pools;
};

TEST_CASE("client pools: a connection says whose it is, and is used for nobody else") {
  World world(100);
  CHECK(world.ask("a"));
  CHECK(world.ask("b"));
  CHECK(world.endpoint().preambles == std::vector<std::string>{"a", "b"});
  CHECK(world.pools.snapshot().requests == 2);
}

TEST_CASE("client pools: as many clients as allowed, and room for others when some have left") {
  World world(2);
  CHECK(world.pools.of("a"));
  CHECK(world.ask("b"));
  world.loop.advance(base::Millis{10'000});  // idle connections have closed
  CHECK(world.ask("c"));
  CHECK(world.ask("d"));
  CHECK(world.pools.snapshot().requests == 3);
}

TEST_CASE("client pools: an outage is tried for whom is held, and then only for who asks") {
  World world(100);
  world.endpoint().state = VirtualEndpoint::State::refuses;
  CHECK_FALSE(world.ask("a"));
  CHECK(world.pools.outage());
  world.loop.advance(base::Millis{10'000});
  const std::size_t tries = world.endpoint().connects.size();
  world.loop.advance(base::Millis{60'000});
  CHECK(world.endpoint().connects.size() == tries);
  CHECK_FALSE(world.pools.outage());  // nobody asked: it may be over
  CHECK_FALSE(world.ask("a"));
  CHECK(world.pools.outage());
  world.endpoint().state = VirtualEndpoint::State::up;
  world.loop.advance(base::Millis{1'000});
  CHECK(world.ask("a"));
  CHECK_FALSE(world.pools.outage());
}

}  // namespace
