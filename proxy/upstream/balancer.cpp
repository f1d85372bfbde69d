#include "proxy/upstream/balancer.hpp"

#include <algorithm>

namespace upstream {

// Whether a has less in flight than b, each by its weight: a.in_flight / a.weight < b.in_flight /
// b.weight without dividing. Two idle ones are equal, whatever they weigh.
bool Balancer::is_less_busy(const Choice& a, const Choice& b) {
  return std::uint64_t{a.endpoint->in_flight} * b.weight <
         std::uint64_t{b.endpoint->in_flight} * a.weight;
}

void Balancer::reset(const Endpoints& endpoints) {
  choices_.clear();
  total_weight_ = 0;
  has_equal_weights_ = true;
  const bool is_any_reachable =
      std::any_of(endpoints.begin(), endpoints.end(),
                  [](const WeightedEndpoint& each) { return each.endpoint->is_reachable; });
  std::uint32_t priority = UINT32_MAX;
  for (const WeightedEndpoint& each : endpoints)
    if (!is_any_reachable || each.endpoint->is_reachable)
      priority = std::min(priority, each.priority);
  for (const auto& [endpoint, weight, its_priority] : endpoints) {
    if (its_priority != priority || (is_any_reachable && !endpoint->is_reachable)) continue;
    choices_.push_back({endpoint.target(), weight, total_weight_});
    total_weight_ += weight;
    has_equal_weights_ = has_equal_weights_ && weight == choices_.front().weight;
  }
}

Endpoint* Balancer::pick(const Ask& ask, base::Random& random) {
  const void* avoid = ask.avoid;
  if (choices_.empty()) return nullptr;
  if (choices_.size() == 1) return choices_.front().endpoint;
  if (method_ == config::Balancing::least_request) return less_busy(avoid, random);
  return has_equal_weights_ ? in_turn(avoid) : in_turn_by_weight(avoid);
}

Endpoint* Balancer::in_turn(const void* avoid) {
  Endpoint* next = choices_[position_++ % choices_.size()].endpoint;
  if (next == avoid) next = choices_[position_++ % choices_.size()].endpoint;
  return next;
}

// Each gains credit by its weight; the richest is next and pays for all: turns come evenly spread.
Endpoint* Balancer::in_turn_by_weight(const void* avoid) {
  Choice* richest = nullptr;
  std::int64_t paid = 0;
  for (Choice& choice : choices_) {
    if (choice.endpoint == avoid) continue;
    choice.credit += choice.weight;
    paid += choice.weight;
    if (!richest || choice.credit > richest->credit) richest = &choice;
  }
  richest->credit -= paid;
  return richest->endpoint;
}

Endpoint* Balancer::less_busy(const void* avoid, base::Random& random) {
  const Choice& first = by_chance(avoid, random);
  const Choice& second = by_chance(first.endpoint, random);
  if (second.endpoint == avoid) return first.endpoint;
  return (is_less_busy(second, first) ? second : first).endpoint;
}

// By weight, another than `avoid`: drawn from what is left when its part is taken out.
const Balancer::Choice& Balancer::by_chance(const void* avoid, base::Random& random) {
  const auto left_out = std::find_if(choices_.begin(), choices_.end(), [&](const Choice& choice) {
    return choice.endpoint == avoid;
  });
  const std::uint64_t gap = left_out == choices_.end() ? 0 : left_out->weight;
  std::uint64_t drawn = random.below(total_weight_ - gap);
  if (gap > 0 && drawn >= left_out->weight_before) drawn += gap;
  const auto behind = std::upper_bound(
      choices_.begin(), choices_.end(), drawn,
      [](std::uint64_t at, const Choice& choice) { return at < choice.weight_before; });
  return *std::prev(behind);
}

}  // namespace upstream
