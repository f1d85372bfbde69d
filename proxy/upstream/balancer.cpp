#include "proxy/upstream/balancer.hpp"

#include "proxy/upstream/hash_balancer.hpp"
#include "proxy/upstream/load_balancers.hpp"

#include <algorithm>
#include <utility>

namespace upstream {
namespace {

class RandomBalancer final : public Balancer {
  Endpoint* choose(const Ask& ask, base::Random& random) override {
    return by_chance(ask.avoid, random).endpoint;
  }
};

}  // namespace

void Balancer::reset(Choices choices, std::shared_ptr<const HashTable> table) {
  choices_ = std::move(choices);
  table_ = std::move(table);
  weight_before_.clear();
  total_weight_ = 0;
  has_equal_weights_ = true;
  for (const Choice& choice : choices_.first) {
    weight_before_.push_back(total_weight_);
    total_weight_ += choice.weight;
    has_equal_weights_ = has_equal_weights_ && choice.weight == choices_.first.front().weight;
  }
  adopted();
}

Endpoint* Balancer::pick(const Ask& ask, base::Random& random) {
  const std::vector<Choice>& first = choices_.first;
  if (first.size() > 1) return choose(ask, random);
  if (first.empty()) return nullptr;
  const bool goes_elsewhere = first.front().endpoint == ask.avoid && !choices_.others.empty();
  return goes_elsewhere ? choices_.others[random.below(choices_.others.size())].endpoint
                        : first.front().endpoint;
}

// Draws by weight among all endpoints but the one to avoid.
const Choice& Balancer::by_chance(const void* avoid, base::Random& random) const {
  const std::vector<Choice>& all = choices_.first;
  std::size_t left_out = all.size();
  if (avoid)
    for (std::size_t i = 0; i < all.size(); ++i)
      if (all[i].endpoint == avoid) left_out = i;
  if (has_equal_weights_) {
    const std::size_t drawn = random.below(all.size() - (left_out < all.size() ? 1 : 0));
    return all[drawn >= left_out ? drawn + 1 : drawn];
  }
  const std::uint64_t gap = left_out < all.size() ? all[left_out].weight : 0;
  std::uint64_t drawn = random.below(total_weight_ - gap);
  if (gap > 0 && drawn >= weight_before_[left_out]) drawn += gap;
  const auto behind = std::upper_bound(weight_before_.begin(), weight_before_.end(), drawn);
  return all[static_cast<std::size_t>(behind - weight_before_.begin()) - 1];
}

std::unique_ptr<Balancer> make_balancer(config::Balancing method) {
  switch (method) {
    case config::Balancing::round_robin:
      return std::make_unique<RoundRobin>();
    case config::Balancing::ewma:
      return std::make_unique<LeastExpected>();
    case config::Balancing::random:
      return std::make_unique<RandomBalancer>();
    case config::Balancing::ring_hash:
    case config::Balancing::maglev:
      return std::make_unique<HashBalancer>();
    default:
      return std::make_unique<LeastRequest>();
  }
}

}  // namespace upstream
