#include "filters/filter_context.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <future>

namespace {

using filters::SharedState;

std::shared_ptr<int> get(SharedState& state, const std::string& place, std::string_view fields) {
  return state.get<int>("kind", place, fields, [] { return std::make_shared<int>(0); });
}

std::vector<std::pair<std::string, int>> all(const SharedState& state) {
  std::vector<std::pair<std::string, int>> seen;
  state.each<int>("kind",
                  [&](const std::string& place, int value) { seen.emplace_back(place, value); });
  return seen;
}

TEST_CASE("shared state: is one object for a place and its fields, while somebody uses it") {
  SharedState state;
  auto first = get(state, "cluster a", "x");
  *first = 1;
  CHECK(get(state, "cluster a", "x") == first);
  CHECK(get(state, "cluster b", "x") != first);
  auto changed = get(state, "cluster a", "y");
  CHECK(changed != first);
  *changed = 2;
  // What an earlier configuration has of the same place is not shown beside it.
  CHECK(all(state) == std::vector<std::pair<std::string, int>>{{"cluster a", 2}});
  changed.reset();
  CHECK(all(state) == std::vector<std::pair<std::string, int>>{{"cluster a", 1}});
  const std::weak_ptr<int> freed = first;
  first.reset();
  CHECK(freed.expired());
  CHECK(all(state).empty());
  CHECK(*get(state, "cluster a", "x") == 0);
}

TEST_CASE("shared state: places that nobody stands at any more are forgotten") {
  SharedState state;
  const auto kept = get(state, "cluster kept", "x");
  for (int i = 0; i < 1'000; ++i) get(state, "cluster " + std::to_string(i), "x");
  state.sweep();
  CHECK(state.places() == 1);
  CHECK(get(state, "cluster kept", "x") == kept);
}

TEST_CASE("shared state: filters are made while others are visited") {
  SharedState state;
  const auto kept = get(state, "cluster kept", "x");
  state.each<int>("kind", [&](const std::string&, int) {
    auto made = std::async(std::launch::async, [&] { return get(state, "cluster new", "x"); });
    CHECK(made.wait_for(std::chrono::seconds(30)) == std::future_status::ready);
  });
}

}  // namespace
