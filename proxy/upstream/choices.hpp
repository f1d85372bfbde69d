// Which endpoints of a cluster may be chosen now: the one place that knows of health, ejection,
// reachability, zones, slow start and panic. Balancers know only what comes out. Pure.
#pragma once

#include "config/model.hpp"
#include "proxy/base/time.hpp"
#include "proxy/upstream/endpoint.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace upstream {

struct Choice {
  Endpoint* endpoint;
  std::uint32_t weight;
  std::size_t position;  // among the cluster's endpoints
};

struct Choices {
  std::vector<Choice> first;       // what a balancer chooses from
  std::vector<Choice> others;      // of other zones, while the own one is well: for who avoids that
  bool is_panicking = false;       // too few are well: all are used
  base::Time until = base::never;  // they change then by themselves
};

struct ChoiceRules {
  std::uint32_t panic = 5'000;  // of 10 000
  base::Millis slow_start{0};
  std::string zone;  // our own; "" = none
};

// An endpoint is well if it is fit (neither ejected nor unhealthy) and can be connected to. Those
// of the least priority of which one is well are in use. Fewer than `panic` of them well: all are
// chosen from. Else those that are fit, and of our zone alone while 70 % of it are well. What
// cannot be connected to is left out while something can. After it has become fit or reachable an
// endpoint gets 10 % of its weight, growing to the whole within `slow_start`.
Choices choices_of(const Endpoints& endpoints, const ChoiceRules& rules, base::Time now);

}  // namespace upstream
