#include "proxy/upstream/load_balancers.hpp"

#include <algorithm>

namespace upstream {

// Who stays keeps its credit: else a change of others would begin every turn anew.
void RoundRobin::adopted() {
  const bool are_equal = std::all_of(first().begin(), first().end(), [&](const Choice& each) {
    return each.weight == first().front().weight;
  });
  std::vector<Credit> kept;
  if (!are_equal)
    for (const Choice& choice : first()) {
      const auto before = std::find_if(credits_.begin(), credits_.end(), [&](const Credit& each) {
        return each.of == choice.endpoint;
      });
      kept.push_back({choice.endpoint, before == credits_.end() ? 0 : before->amount});
    }
  credits_ = std::move(kept);
}

Endpoint* RoundRobin::choose(const Ask& ask, base::Random&) {
  if (!credits_.empty()) return by_weight(ask.avoid);
  Endpoint* next = first()[position_++ % first().size()].endpoint;
  if (next == ask.avoid) next = first()[position_++ % first().size()].endpoint;
  return next;
}

// Each gains credit by its weight; the richest is next and pays for all: turns come evenly spread.
Endpoint* RoundRobin::by_weight(const void* avoid) {
  std::size_t richest = first().size();
  std::int64_t paid = 0;
  for (std::size_t i = 0; i < first().size(); ++i) {
    if (first()[i].endpoint == avoid) continue;
    credits_[i].amount += first()[i].weight;
    paid += first()[i].weight;
    if (richest == first().size() || credits_[i].amount > credits_[richest].amount) richest = i;
  }
  credits_[richest].amount -= paid;
  return first()[richest].endpoint;
}

Endpoint* BetterOfTwo::choose(const Ask& ask, base::Random& random) {
  const Choice& one = by_chance(ask.avoid, random);
  const Choice& other = by_chance(one.endpoint, random);
  if (other.endpoint == ask.avoid) return one.endpoint;
  return (costs_less(other, one, ask.now) ? other : one).endpoint;
}

// a.in_flight / a.weight < b.in_flight / b.weight without dividing. Two idle ones are equal,
// whatever they weigh.
bool LeastRequest::costs_less(const Choice& a, const Choice& b, base::Time) const {
  return std::uint64_t{a.endpoint->in_flight} * b.weight <
         std::uint64_t{b.endpoint->in_flight} * a.weight;
}

bool LeastExpected::costs_less(const Choice& a, const Choice& b, base::Time now) const {
  const auto cost = [now](const Choice& choice) {
    return choice.endpoint->latency.expected(choice.endpoint->in_flight, now) / choice.weight;
  };
  return cost(a) < cost(b);
}

}  // namespace upstream
