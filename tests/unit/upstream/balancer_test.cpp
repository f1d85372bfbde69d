#include "proxy/upstream/balancer.hpp"

#include "tests/unit/upstream/endpoints.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <numeric>
#include <string>

namespace {

using config::Balancing;
using upstream::Endpoint;
using upstream_test::Endpoints;
using upstream_test::now;

struct Picks {
  Picks(Balancing method, const std::vector<std::uint32_t>& weights)
      : balancer(upstream::make_balancer(method)), table_method(method) {
    for (const std::uint32_t weight : weights) endpoints.add(weight);
    adopt();
  }
  void adopt() {
    balancer->reset(upstream::choices_of(endpoints.all, {}, now),
                    upstream::HashTable::of(table_method, endpoints.addresses()));
  }
  // How often each was picked, in their order.
  std::vector<int> count(int rounds, const Endpoint* avoid = nullptr) {
    std::map<const Endpoint*, int> seen;
    for (int i = 0; i < rounds; ++i) ++seen[balancer->pick({avoid}, random)];
    return in_order(seen);
  }
  // The same of different hashes.
  std::vector<int> count_hashes(int rounds) {
    std::map<const Endpoint*, int> seen;
    for (int i = 0; i < rounds; ++i) ++seen[picked(i)];
    return in_order(seen);
  }
  const Endpoint* picked(int key, const Endpoint* avoid = nullptr) {
    const std::uint64_t hash = base::stable_hash("user-" + std::to_string(key));
    return balancer->pick({avoid, nullptr, hash}, random);
  }
  std::vector<int> in_order(std::map<const Endpoint*, int>& seen) {
    std::vector<int> counts;
    for (std::size_t i = 0; i < endpoints.all.size(); ++i) counts.push_back(seen[&endpoints[i]]);
    return counts;
  }

  Endpoints endpoints;
  std::unique_ptr<upstream::Balancer> balancer;
  Balancing table_method;
  base::Random random{7};
};

constexpr Balancing all_methods[] = {Balancing::least_request, Balancing::round_robin,
                                     Balancing::ewma,          Balancing::random,
                                     Balancing::ring_hash,     Balancing::maglev};
constexpr Balancing hashing[] = {Balancing::ring_hash, Balancing::maglev};

// Chi-square of what was counted against the weights.
double distance(const std::vector<int>& counts, const std::vector<std::uint32_t>& weights) {
  const double all = std::accumulate(counts.begin(), counts.end(), 0.0);
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  double sum = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double expected = all * weights[i] / total;
    sum += (counts[i] - expected) * (counts[i] - expected) / expected;
  }
  return sum;
}

TEST_CASE("balancer: no endpoint is no choice") {
  for (const Balancing method : all_methods) {
    Picks picks(method, {});
    CHECK(picks.balancer->pick({}, picks.random) == nullptr);
    CHECK(!picks.balancer->has_alternatives());
  }
}

TEST_CASE("balancer: a single endpoint is taken even if it is to be avoided") {
  for (const Balancing method : all_methods) {
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
    in_a_row = picks.balancer->pick({}, picks.random) == heavy ? in_a_row + 1 : 0;
    longest = std::max(longest, in_a_row);
  }
  CHECK(longest <= 2);
}

TEST_CASE("balancer: round robin goes on where it was when others come") {
  Picks picks(Balancing::round_robin, {3, 1});
  picks.count(2);
  picks.endpoints.add(1);
  picks.adopt();
  CHECK(picks.count(500) == std::vector<int>{300, 100, 100});
}

TEST_CASE("balancer: avoids an endpoint while there is another") {
  for (const Balancing method : all_methods) {
    for (const std::vector<std::uint32_t>& weights :
         {std::vector<std::uint32_t>{1, 1}, {1, 1, 1}, {100, 1, 1}}) {
      Picks picks(method, weights);
      CHECK(picks.count(200, &picks.endpoints[0])[0] == 0);
      for (int i = 0; i < 50; ++i)
        CHECK(picks.picked(i, &picks.endpoints[0]) != &picks.endpoints[0]);
    }
  }
}

TEST_CASE("balancer: idle endpoints are chosen by their weights") {
  // 99.9 % of fair draws stay below these, of 1, 3 and 9 degrees of freedom.
  const struct {
    std::vector<std::uint32_t> weights;
    double bound;
  } cases[] = {{{1, 1}, 10.8}, {{1, 2, 3, 4}, 16.3}, {{1, 1, 1, 1, 1, 5, 5, 5, 5, 50}, 27.9}};
  for (const Balancing method : {Balancing::random, Balancing::ring_hash, Balancing::maglev})
    for (const auto& one : cases) {
      CAPTURE(static_cast<int>(method));
      Picks picks(method, one.weights);
      CHECK(distance(picks.count(20'000), one.weights) < one.bound);
    }
}

TEST_CASE("balancer: the better of two keeps to the weights while nothing is in flight") {
  for (const Balancing method : {Balancing::least_request, Balancing::ewma}) {
    const std::vector<int> even = Picks(method, {1, 1, 1, 1}).count(20'000);
    CHECK(distance(even, {1, 1, 1, 1}) < 16.3);
  }
  const std::vector<int> uneven = Picks(Balancing::least_request, {1, 4}).count(1000);
  CHECK(uneven[0] > 130);
  CHECK(uneven[0] < 270);
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
}

TEST_CASE("balancer: ewma takes the faster, the less busy, the heavier") {
  using std::chrono::milliseconds;
  Picks picks(Balancing::ewma, {1, 1});
  picks.endpoints[0].latency.observe(milliseconds{10}, false, now);
  picks.endpoints[1].latency.observe(milliseconds{30}, false, now);
  CHECK(picks.count(50) == std::vector<int>{50, 0});
  picks.endpoints[0].in_flight = 3;  // 40 ms and 30 ms
  CHECK(picks.count(50) == std::vector<int>{0, 50});
  Picks weighed(Balancing::ewma, {1, 4});
  weighed.endpoints[0].latency.observe(milliseconds{10}, false, now);
  weighed.endpoints[1].latency.observe(milliseconds{30}, false, now);
  CHECK(weighed.count(50) == std::vector<int>{0, 50});
}

TEST_CASE("balancer: ewma asks once who has never answered, and not again before") {
  Picks picks(Balancing::ewma, {1, 1});
  picks.endpoints[0].latency.observe(std::chrono::milliseconds{10}, false, now);
  CHECK(picks.count(10) == std::vector<int>{0, 10});
  picks.endpoints[1].in_flight = 1;
  CHECK(picks.count(10) == std::vector<int>{10, 0});
}

TEST_CASE("balancer: what hashes alike stays together, in every process") {
  for (const Balancing method : hashing) {
    Picks one(method, {1, 1, 1, 1, 1});
    Picks other(method, {1, 1, 1, 1, 1});
    for (int key = 0; key < 200; ++key) {
      CHECK(one.picked(key)->text == other.picked(key)->text);
      CHECK(one.picked(key) == one.picked(key));
    }
  }
}

TEST_CASE("balancer: hashes spread by weight") {
  for (const Balancing method : hashing) {
    CAPTURE(static_cast<int>(method));
    for (const std::vector<std::uint32_t>& weights :
         {std::vector<std::uint32_t>{1, 1, 1, 1, 1}, {1, 2, 3, 4}, {1, 100}}) {
      const std::vector<int> counts = Picks(method, weights).count_hashes(20'000);
      const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
      for (std::size_t i = 0; i < weights.size(); ++i) {
        const double expected = 20'000 * weights[i] / total;
        CHECK(std::abs(counts[i] - expected) < expected * 0.25 + 30);
      }
    }
  }
}

TEST_CASE("balancer: when an endpoint leaves, little but its own hashes go elsewhere") {
  constexpr int keys = 10'000;
  constexpr std::size_t count = 10;
  for (const Balancing method : hashing) {
    CAPTURE(static_cast<int>(method));
    Picks picks(method, std::vector<std::uint32_t>(count, 1));
    std::vector<std::string> before;
    for (int key = 0; key < keys; ++key) before.emplace_back(picks.picked(key)->text);
    const std::string left(picks.endpoints[3].text);
    picks.endpoints.all.erase(picks.endpoints.all.begin() + 3);
    picks.adopt();
    int own = 0;
    int others = 0;
    for (int key = 0; key < keys; ++key) {
      const bool was_its_own = before[static_cast<std::size_t>(key)] == left;
      own += was_its_own;
      others += !was_its_own && picks.picked(key)->text != before[static_cast<std::size_t>(key)];
    }
    CHECK(own + others < keys / static_cast<int>(count) * 3 / 2);
    CHECK(others < keys * 3 / 100);
    if (method == Balancing::ring_hash) CHECK(others == 0);
  }
}

TEST_CASE(
    "balancer: while an endpoint is left out its hashes go to several others, and then back") {
  for (const Balancing method : hashing) {
    Picks picks(method, {1, 1, 1, 1, 1});
    std::map<int, const Endpoint*> before;
    for (int key = 0; key < 500; ++key) before[key] = picks.picked(key);
    const Endpoint* out = &picks.endpoints[2];
    picks.endpoints[2].is_reachable = false;
    picks.adopt();
    std::map<const Endpoint*, int> taken_over;
    for (int key = 0; key < 500; ++key) {
      if (before[key] == out)
        ++taken_over[picks.picked(key)];
      else
        CHECK(picks.picked(key) == before[key]);
    }
    CHECK(taken_over.size() == 4);
    CHECK(taken_over.count(out) == 0);
    for (const auto& [endpoint, count] : taken_over) CHECK(count > 12);  // of about 100
    picks.endpoints[2].is_reachable = true;
    picks.adopt();
    for (int key = 0; key < 500; ++key) CHECK(picks.picked(key) == before[key]);
  }
}

TEST_CASE("balancer: the order in which endpoints are told changes nothing of where hashes go") {
  for (const Balancing method : hashing) {
    Picks picks(method, {1, 1, 1, 1});
    std::map<int, std::string> before;
    for (int key = 0; key < 200; ++key) before[key] = picks.picked(key)->text;
    std::swap(picks.endpoints.all[0], picks.endpoints.all[3]);
    picks.adopt();
    for (int key = 0; key < 200; ++key) CHECK(picks.picked(key)->text == before[key]);
  }
}

}  // namespace
