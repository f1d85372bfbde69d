#include "proxy/upstream/balancer.hpp"

#include "proxy/upstream/pool.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <map>

namespace {

using config::Balancing;
using upstream::Balancer;
using upstream::Endpoint;

struct NoOwner final : Endpoint::Owner {
  void on_unused(Endpoint&) noexcept override {}
};

struct Picks {
  Picks(Balancing method, const std::vector<std::uint32_t>& weights) : balancer(method) {
    std::uint16_t port = 1;
    upstream::Endpoints chosen;
    for (const std::uint32_t weight : weights) {
      Endpoint& made = endpoints.emplace_back(owner, *base::Address::parse_ip("10.0.0.1", port++));
      chosen.push_back({base::Ref<Endpoint>(made), weight});
    }
    balancer.reset(chosen);
  }
  // How often each was picked, in their order.
  std::vector<int> count(int rounds, const Endpoint* avoid = nullptr) {
    std::map<const Endpoint*, int> seen;
    for (int i = 0; i < rounds; ++i) ++seen[balancer.pick({avoid}, random)];
    std::vector<int> counts;
    for (const Endpoint& endpoint : endpoints) counts.push_back(seen[&endpoint]);
    return counts;
  }

  NoOwner owner;
  std::deque<Endpoint> endpoints;
  Balancer balancer;
  base::Random random{7};
};

TEST_CASE("balancer: no endpoint is no choice") {
  Picks picks(Balancing::least_request, {});
  CHECK(picks.balancer.pick({}, picks.random) == nullptr);
  CHECK(!picks.balancer.has_alternatives());
}

TEST_CASE("balancer: a single endpoint is taken even if it is to be avoided") {
  for (const Balancing method : {Balancing::round_robin, Balancing::least_request}) {
    Picks picks(method, {1});
    CHECK(picks.count(3, &picks.endpoints[0]) == std::vector<int>{3});
  }
}

TEST_CASE("balancer: round robin takes turns by weight") {
  const struct {
    std::vector<std::uint32_t> weights;
    int rounds;
    std::vector<int> expected;
  } cases[] = {
      {{1, 1, 1}, 9, {3, 3, 3}},
      {{5, 1, 1}, 14, {10, 2, 2}},
      {{1, 1000}, 1001, {1, 1000}},
  };
  for (const auto& one : cases)
    CHECK(Picks(Balancing::round_robin, one.weights).count(one.rounds) == one.expected);
}

TEST_CASE("balancer: round robin spreads the turns of the heavy one") {
  Picks picks(Balancing::round_robin, {2, 1, 1});
  const Endpoint* heavy = &picks.endpoints[0];
  int in_a_row = 0;
  int longest = 0;
  for (int i = 0; i < 40; ++i) {
    in_a_row = picks.balancer.pick({}, picks.random) == heavy ? in_a_row + 1 : 0;
    longest = std::max(longest, in_a_row);
  }
  CHECK(longest <= 2);
}

TEST_CASE("balancer: those of a higher number stand by until none of the lower can be reached") {
  Picks picks(Balancing::round_robin, {1, 1, 1});
  upstream::Endpoints chosen;
  std::uint32_t priority = 1;
  for (Endpoint& endpoint : picks.endpoints)
    chosen.push_back({base::Ref<Endpoint>(endpoint), 1, std::min(priority++, 2U)});
  const auto picked = [&] {
    picks.balancer.reset(chosen);
    return picks.count(4);
  };
  CHECK(picked() == std::vector<int>{4, 0, 0});
  picks.endpoints[0].is_reachable = false;
  CHECK(picked() == std::vector<int>{0, 2, 2});
  picks.endpoints[1].is_reachable = picks.endpoints[2].is_reachable = false;
  CHECK(picked() == std::vector<int>{4, 0, 0});  // none can: as if all could
}

TEST_CASE("balancer: avoids an endpoint while there is another") {
  for (const Balancing method : {Balancing::round_robin, Balancing::least_request}) {
    for (const std::vector<std::uint32_t>& weights :
         {std::vector<std::uint32_t>{1, 1}, {1, 1, 1}, {100, 1, 1}}) {
      Picks picks(method, weights);
      CHECK(picks.count(200, &picks.endpoints[0])[0] == 0);
    }
  }
}

TEST_CASE("balancer: least request never takes the busiest of three, and all when idle") {
  Picks picks(Balancing::least_request, {1, 1, 1});
  for (const int count : picks.count(3000)) CHECK(count > 800);
  picks.endpoints[1].in_flight = 5;
  CHECK(picks.count(300)[1] == 0);
}

TEST_CASE("balancer: least request weighs what is in flight") {
  Picks picks(Balancing::least_request, {1, 4});
  picks.endpoints[0].in_flight = 2;
  picks.endpoints[1].in_flight = 4;
  CHECK(picks.count(50) == std::vector<int>{0, 50});
  const std::vector<int> idle = Picks(Balancing::least_request, {1, 4}).count(1000);
  CHECK(idle[0] > 130);
  CHECK(idle[0] < 270);
}

}  // namespace
