#include "proxy/observe/trace_sampler.hpp"

#include "proxy/base/random.hpp"

#include <doctest/doctest.h>

namespace {

using http::TraceId;
using http::TraceParent;
using observe::TraceSampler;

TEST_CASE("trace sampler: decides by the last seven bytes, alike everywhere") {
  const TraceSampler none(0), half(5'000), all(10'000);
  const TraceId least{~std::uint64_t{0}, std::uint64_t{0xff} << 56};
  const TraceId most{0, (std::uint64_t{1} << 56) - 1};
  const TraceId middle{0, (std::uint64_t{1} << 55) + 10'000};  // but for rounding
  CHECK_FALSE(none.takes(most));
  CHECK(all.takes(least));
  CHECK(half.takes(most));
  CHECK(half.takes(middle));
  CHECK_FALSE(half.takes(least));
}

TEST_CASE("trace sampler: takes about as many as it is told to") {
  base::Random random(7);
  const TraceSampler sampler(100);
  int taken = 0;
  for (int i = 0; i < 100'000; ++i) taken += sampler.takes({1, random.next()});
  CHECK(taken > 800);
  CHECK(taken < 1'200);
}

TEST_CASE("trace sampler: a stranger's honest traces are followed, made-up ones are not") {
  const TraceParent made_up{{0, ~std::uint64_t{0}}, 1, http::trace_is_sampled};
  TraceSampler sampler(100);
  int taken = 0;
  for (int i = 0; i < 100'000; ++i) taken += sampler.takes_of_stranger(made_up);
  CHECK(taken >= 1'099);  // the credit at hand, and the ratio
  CHECK(taken <= 1'100);

  TraceSampler honest(100);
  const TraceSampler there(100);
  base::Random random(7);
  int followed = 0, meant = 0;
  for (int i = 0; i < 100'000; ++i) {
    const TraceId id{1, random.next()};
    const auto flags = static_cast<std::uint8_t>(there.takes(id) ? 1 : 0);
    meant += flags;
    followed += honest.takes_of_stranger({id, 1, flags});
  }
  CHECK(followed == meant);
}

TEST_CASE("trace sampler: a stranger may say no") {
  TraceSampler sampler(10'000);
  CHECK_FALSE(sampler.takes_of_stranger({{1, 1}, 1, 0}));
  CHECK(sampler.takes_of_stranger({{1, 1}, 1, http::trace_is_sampled}));
  CHECK(sampler.takes_of_stranger({{1, 1}, 1, 0, true}));
}

}  // namespace
