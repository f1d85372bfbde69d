// Balancers that spread the load evenly: by turns, or to the better of two drawn by chance. See
// balancer.hpp.
#pragma once

#include "proxy/upstream/balancer.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace upstream {

// By turns, of unequal weights evenly spread (nginx' smooth weighted round robin).
class RoundRobin final : public Balancer {
 private:
  void adopted() override;
  Endpoint* choose(const Ask& ask, base::Random& random) override;
  Endpoint* by_weight(const void* avoid);

  struct Credit {
    const Endpoint* of;
    std::int64_t amount;
  };
  std::vector<Credit> credits_;  // by choice; empty: the weights are equal
  std::size_t position_ = 0;
};

// Two are drawn by chance and weight, and the one is taken that `costs` less.
class BetterOfTwo : public Balancer {
 private:
  Endpoint* choose(const Ask& ask, base::Random& random) override;
  virtual bool costs_less(const Choice& a, const Choice& b, base::Time now) const = 0;
};

// Fewer requests in flight, each by its weight.
class LeastRequest final : public BetterOfTwo {
  bool costs_less(const Choice& a, const Choice& b, base::Time now) const override;
};

// A shorter time until it answers, as far as it is known: peak EWMA of latency x requests in
// flight, by its weight. One that has never answered is asked once, then not before it has.
class LeastExpected final : public BetterOfTwo {
  bool costs_less(const Choice& a, const Choice& b, base::Time now) const override;
};

}  // namespace upstream
