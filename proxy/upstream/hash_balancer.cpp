#include "proxy/upstream/hash_balancer.hpp"

namespace upstream {

void HashBalancer::adopted() {
  by_position_.clear();
  for (const Choice& choice : first()) {
    if (choice.position >= by_position_.size()) by_position_.resize(choice.position + 1);
    by_position_[choice.position] = choice.endpoint;
  }
}

Endpoint* HashBalancer::choose(const Ask& ask, base::Random& random) {
  if (!ask.hash || !table()) return by_chance(ask.avoid, random).endpoint;
  const HashTable& slots = *table();
  std::size_t slot = slots.start(*ask.hash);
  const std::size_t step = slots.step(*ask.hash);
  for (std::size_t walked = 0; walked < slots.size(); ++walked) {
    const std::size_t position = slots[slot];
    Endpoint* endpoint = position < by_position_.size() ? by_position_[position] : nullptr;
    if (endpoint && endpoint != ask.avoid) return endpoint;
    slot = (slot + step) % slots.size();
  }
  return by_chance(ask.avoid, random).endpoint;
}

}  // namespace upstream
