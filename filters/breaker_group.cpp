#include "filters/breaker_group.hpp"

namespace filters {

BreakerGroup::BreakerGroup(const BreakerSettings& settings, std::size_t shards,
                           std::shared_ptr<BreakerSwitch> by_hand)
    : settings_(settings), shards_(shards), by_hand_(std::move(by_hand)) {}

std::shared_ptr<Breaker> BreakerGroup::of(std::string_view part) {
  const std::lock_guard lock(mutex_);
  const auto found = by_part_.find(part);
  if (found != by_part_.end())
    if (auto held = found->second.lock()) return held;
  std::erase_if(by_part_, [](const auto& each) { return each.second.expired(); });
  auto made = std::make_shared<Breaker>(settings_, shards_);
  if (const Breaker::Mode mode = by_hand_->mode.load(); mode != Breaker::Mode::automatic)
    made->set(mode, base::Time{});
  by_part_.insert_or_assign(std::string(part), made);
  return made;
}

BreakerGroup::Members BreakerGroup::members() const {
  const std::lock_guard lock(mutex_);
  Members all;
  for (const auto& [part, held] : by_part_)
    if (auto breaker = held.lock()) all.emplace_back(part, std::move(breaker));
  return all;
}

bool BreakerGroup::set(std::string_view part, Breaker::Mode mode, base::Time now) {
  if (part.empty()) by_hand_->mode.store(mode);
  bool is_known = part.empty();
  for (const auto& [name, breaker] : members()) {
    if (!part.empty() && name != part) continue;
    breaker->set(mode, now);
    is_known = true;
  }
  return is_known;
}

}  // namespace filters
