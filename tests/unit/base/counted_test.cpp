#include "proxy/base/counted.hpp"

#include <doctest/doctest.h>

namespace {

struct Thing final : base::Counted {
  void unused() noexcept override { ++times_unused; }
  int times_unused = 0;
};

TEST_CASE("counted: the last reference tells") {
  Thing thing;
  CHECK(!thing.is_used());
  {
    base::Ref<Thing> first(thing);
    base::Ref<Thing> second = first;
    const base::Ref<Thing> third = std::move(first);
    CHECK(!first);
    second = {};
    CHECK(thing.is_used());
    CHECK(thing.times_unused == 0);
    CHECK(third.target() == &thing);
  }
  CHECK(thing.times_unused == 1);
  base::Ref<Thing> again(thing);
  again = base::Ref<Thing>(thing);
  CHECK(thing.times_unused == 1);
  again = {};
  CHECK(thing.times_unused == 2);
}

}  // namespace
