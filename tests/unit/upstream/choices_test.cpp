#include "proxy/upstream/choices.hpp"

#include "tests/unit/upstream/endpoints.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <vector>

namespace {

using upstream::Choice;
using upstream::ChoiceRules;
using upstream::Choices;
using upstream_test::Endpoints;
using upstream_test::now;
using Positions = std::vector<std::size_t>;

Positions positions(const std::vector<Choice>& of) {
  Positions all;
  for (const Choice& each : of) all.push_back(each.position);
  return all;
}

Positions first(const Endpoints& endpoints, const ChoiceRules& rules = {}) {
  return positions(upstream::choices_of(endpoints.all, rules, now).first);
}

TEST_CASE("choices: what cannot be connected to is left out while something can") {
  Endpoints endpoints;
  for (int i = 0; i < 3; ++i) endpoints.add();
  endpoints[1].is_reachable = false;
  CHECK(first(endpoints) == Positions{0, 2});
  endpoints[0].is_reachable = endpoints[2].is_reachable = false;
  CHECK(first(endpoints) == Positions{0, 1, 2});
  CHECK(first(endpoints, {0, {}, {}}) == Positions{0, 1, 2});  // panic: 0%
}

TEST_CASE("choices: who is ejected is left out until then, and all are used in panic") {
  Endpoints endpoints;
  for (int i = 0; i < 4; ++i) endpoints.add();
  const config::Outlier any{5, std::chrono::seconds(30), 10'000};
  endpoints.fail(0, 5, now, any);
  endpoints.fail(1, 5, now, any);
  Choices made = upstream::choices_of(endpoints.all, {}, now);
  CHECK(positions(made.first) == Positions{2, 3});  // 50 % is not fewer
  CHECK(!made.is_panicking);
  CHECK(made.until ==
        std::min(endpoints[0].state->ejected_until(), endpoints[1].state->ejected_until()));
  endpoints.fail(2, 5, now, any);
  made = upstream::choices_of(endpoints.all, {}, now);
  CHECK(made.is_panicking);
  CHECK(positions(made.first) == Positions{0, 1, 2, 3});
  CHECK(first(endpoints, {0, {}, {}}) == Positions{3});
  endpoints.fail(3, 5, now, any);
  CHECK(first(endpoints, {0, {}, {}}) == Positions{});
  CHECK(first(endpoints) == Positions{0, 1, 2, 3});
}

TEST_CASE("choices: in panic too, what can be connected to comes first") {
  Endpoints endpoints;
  for (int i = 0; i < 3; ++i) endpoints.add();
  endpoints.fail(0, 5, now, {5, std::chrono::seconds(30), 10'000});
  endpoints[1].is_reachable = endpoints[2].is_reachable = false;
  CHECK(first(endpoints) == Positions{0});
}

TEST_CASE("choices: the own zone comes first while 70 % of it are well") {
  Endpoints endpoints;
  for (int i = 0; i < 10; ++i) endpoints.add(1, "a");
  for (int i = 0; i < 10; ++i) endpoints.add(1, "b");
  endpoints.add();
  const ChoiceRules in_a{5'000, {}, "a"};
  Choices made = upstream::choices_of(endpoints.all, in_a, now);
  CHECK(made.first.size() == 10);
  CHECK(made.first.back().position == 9);
  CHECK(made.others.size() == 11);
  for (std::size_t i = 0; i < 3; ++i) endpoints[i].is_reachable = false;
  CHECK(first(endpoints, in_a).size() == 7);
  endpoints[3].is_reachable = false;
  CHECK(first(endpoints, in_a).size() == 17);
  CHECK(first(endpoints, {5'000, {}, "elsewhere"}).size() == 17);
  CHECK(first(endpoints, {5'000, {}, ""}).size() == 17);
}

TEST_CASE("choices: of another zone nothing stands by that cannot be connected to") {
  Endpoints endpoints;
  endpoints.add(1, "a");
  endpoints.add(1, "b");
  endpoints.add(1, "b");
  endpoints[1].is_reachable = false;
  CHECK(positions(upstream::choices_of(endpoints.all, {5'000, {}, "a"}, now).others) == Positions{2});
  endpoints[2].is_reachable = false;
  CHECK(upstream::choices_of(endpoints.all, {5'000, {}, "a"}, now).others.empty());
}

TEST_CASE("choices: who stands by is used when none before it is well") {
  Endpoints endpoints;
  endpoints.add(1, "", 0);
  endpoints.add(1, "", 0);
  endpoints.add(1, "", 1);
  CHECK(first(endpoints) == Positions{0, 1});
  endpoints[0].is_reachable = false;
  CHECK(first(endpoints) == Positions{1});
  endpoints[1].is_reachable = false;
  CHECK(first(endpoints) == Positions{2});
  endpoints[2].is_reachable = false;
  CHECK(first(endpoints) == Positions{0, 1});
}

TEST_CASE("choices: a new endpoint grows from 10 % to its weight") {
  using std::chrono::seconds;
  Endpoints endpoints;
  endpoints.add(2);
  endpoints.add(2).reachable_since = now;
  const ChoiceRules slow{5'000, seconds(10), ""};
  const auto share = [&](seconds after) {
    const Choices made = upstream::choices_of(endpoints.all, slow, now + after);
    return std::pair(made.first[1].weight * 100 / made.first[0].weight, made.until);
  };
  CHECK(share(seconds(0)).first == 10);
  CHECK(share(seconds(0)).second == now + std::chrono::milliseconds(200));
  CHECK(share(seconds(5)).first >= 54);
  CHECK(share(seconds(5)).first <= 56);
  CHECK(share(seconds(9)).first < 100);
  CHECK(share(seconds(10)).first == 100);
  CHECK(share(seconds(10)).second == base::never);
  CHECK(upstream::choices_of(endpoints.all, {}, now).until == base::never);
}

}  // namespace
