#include "proxy/upstream/choices.hpp"

#include <algorithm>

namespace upstream {
namespace {

constexpr std::uint64_t whole = 10'000;  // 100 %
constexpr std::size_t least_near = 70;   // of 100 of our zone must be well
constexpr std::int64_t steps = 50;       // in which a weight grows
constexpr std::int64_t first_step = 5;
constexpr base::Millis shortest_step{10};

bool is_fit(const WeightedEndpoint& each) {
  return each.endpoint->state->is_fit();
}

bool is_well(const WeightedEndpoint& each) {
  return each.endpoint->is_reachable && is_fit(each);
}

// The endpoints that stand by are left alone while one of those before them is well.
std::uint32_t priority_in_use(const Endpoints& endpoints) {
  std::uint32_t least = UINT32_MAX;
  std::uint32_t least_well = UINT32_MAX;
  for (const WeightedEndpoint& each : endpoints) {
    least = std::min(least, each.priority);
    if (is_well(each)) least_well = std::min(least_well, each.priority);
  }
  return least_well == UINT32_MAX ? least : least_well;
}

// Of the endpoints in use.
struct Census {
  std::size_t all = 0;
  std::size_t well = 0;
  std::size_t near = 0;  // of our zone
  std::size_t near_well = 0;

  bool is_panic(std::uint32_t panic) const { return well * whole < all * panic; }
  // The own zone can do without the others.
  bool is_zone_well() const { return near > 0 && near_well * 100 >= near * least_near; }
};

Census census_of(const Endpoints& endpoints, std::uint32_t priority, const std::string& zone) {
  Census counts;
  for (const WeightedEndpoint& each : endpoints) {
    if (each.priority != priority) continue;
    const bool is_near = !zone.empty() && each.zone == zone;
    ++counts.all;
    if (is_near) ++counts.near;
    if (is_well(each)) ++counts.well;
    if (is_near && is_well(each)) ++counts.near_well;
  }
  return counts;
}

base::Time well_since(const Endpoint& endpoint) {
  return std::max(endpoint.state->fit_since(), endpoint.reachable_since);
}

// How far a slow start has come, in steps of 50.
std::int64_t step_of(const Endpoint& endpoint, base::Millis slow_start, base::Time now) {
  const std::int64_t grown = (now - well_since(endpoint)) * steps / base::Duration(slow_start);
  return first_step +
         std::clamp<std::int64_t>(grown * (steps - first_step) / steps, 0, steps - first_step);
}

void start_slowly(std::vector<Choice>& choices, base::Millis slow_start, Choices& of,
                  base::Time now) {
  const auto is_starting = [&](const Choice& each) {
    return now - well_since(*each.endpoint) < base::Duration(slow_start);
  };
  if (std::none_of(choices.begin(), choices.end(), is_starting)) return;
  for (Choice& each : choices)
    each.weight *= static_cast<std::uint32_t>(step_of(*each.endpoint, slow_start, now));
  of.until = std::min(
      of.until, now + std::max<base::Duration>(base::Duration(slow_start) / steps, shortest_step));
}

// Those that can be connected to, or all if none can.
void keep_reachable(std::vector<Choice>& choices) {
  const auto is_reachable = [](const Choice& each) { return each.endpoint->is_reachable; };
  if (std::any_of(choices.begin(), choices.end(), is_reachable))
    std::erase_if(choices, [&](const Choice& each) { return !is_reachable(each); });
}

}  // namespace

Choices choices_of(const Endpoints& endpoints, const ChoiceRules& rules, base::Time now) {
  Choices made;
  const std::uint32_t priority = priority_in_use(endpoints);
  const Census counts = census_of(endpoints, priority, rules.zone);
  made.is_panicking = counts.is_panic(rules.panic);
  const bool is_zone_first = !made.is_panicking && counts.is_zone_well();
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    const WeightedEndpoint& each = endpoints[i];
    const EndpointState& state = *each.endpoint->state;
    if (state.is_ejected()) made.until = std::min(made.until, state.ejected_until());
    if (each.priority != priority || (!made.is_panicking && !state.is_fit())) continue;
    const bool is_second = is_zone_first && each.zone != rules.zone;
    (is_second ? made.others : made.first).push_back({each.endpoint.target(), each.weight, i});
  }
  keep_reachable(made.first);
  // They are there for an attempt that avoids another: one that cannot be connected to is no help.
  std::erase_if(made.others, [](const Choice& each) { return !each.endpoint->is_reachable; });
  for (std::vector<Choice>* choices : {&made.first, &made.others}) {
    if (rules.slow_start > base::Millis{0}) start_slowly(*choices, rules.slow_start, made, now);
  }
  return made;
}

}  // namespace upstream
