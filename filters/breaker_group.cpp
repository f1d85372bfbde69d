#include "filters/breaker_group.hpp"

#include <algorithm>

namespace filters {

std::shared_ptr<BreakerSwitch> BreakerSwitch::at(const std::string& place, SharedState& shared) {
  return shared.get<BreakerSwitch>(kind, place, "",
                                   [] { return std::make_shared<BreakerSwitch>(); });
}

Breaker::Mode BreakerSwitch::of(std::string_view part) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_part_.find(part);
  return found == by_part_.end() ? whole_ : found->second;
}

void BreakerSwitch::set(std::string_view part, Breaker::Mode mode) {
  const std::lock_guard lock(mutex_);
  if (part.empty()) {
    whole_ = mode;
    by_part_.clear();
  } else if (mode == whole_) {
    by_part_.erase(std::string(part));
  } else {
    by_part_.insert_or_assign(std::string(part), mode);
  }
}

BreakerSwitch::Said BreakerSwitch::said() const {
  const std::lock_guard lock(mutex_);
  Said all;
  if (whole_ != Breaker::Mode::automatic) all.emplace_back("", whole_);
  all.insert(all.end(), by_part_.begin(), by_part_.end());
  return all;
}

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
  if (const Breaker::Mode mode = by_hand_->of(part); mode != Breaker::Mode::automatic)
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

// Where one breaker is for all there are no parts, whatever was said when there were.
BreakerSwitch::Said BreakerGroup::not_in_use() const {
  BreakerSwitch::Said all = by_hand_->said();
  for (const auto& [part, breaker] : members())
    std::erase_if(all, [&part = part](const auto& each) { return part.empty() || each.first == part; });
  return all;
}

bool BreakerGroup::set(std::string_view part, Breaker::Mode mode, base::Time now) {
  const BreakerSwitch::Said idle = not_in_use();
  Members those = members();
  const auto is_other = [part](const auto& each) { return each.first != part; };
  if (!part.empty()) std::erase_if(those, is_other);
  if (!part.empty() && those.empty() && std::all_of(idle.begin(), idle.end(), is_other)) return false;
  by_hand_->set(part, mode);
  if (part.empty()) those = members();  // also one that was made meanwhile
  for (const auto& [name, breaker] : those) breaker->set(mode, now);
  return true;
}

}  // namespace filters
