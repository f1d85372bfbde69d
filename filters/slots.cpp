#include "filters/slots.hpp"

namespace filters {
namespace {

constexpr std::size_t shards_if_keyed = 16;

}  // namespace

Slots::Slots(const Settings& settings)
    : settings_(settings),
      shard_count_(settings.is_keyed ? shards_if_keyed : 1),
      shards_(new Shard[shard_count_]) {}

Slots::Shard& Slots::shard_of(std::string_view key) {
  return shard_count_ == 1 ? shards_[0]
                           : shards_[std::hash<std::string_view>{}(key) % shard_count_];
}

Slots::Place& Slots::place_of(Shard& shard, std::string_view key) {
  auto found = shard.places.find(key);
  if (found == shard.places.end()) {
    found = shard.places.try_emplace(std::string(key)).first;
    found->second.key = found->first;
  }
  return found->second;
}

std::optional<Slots::Slot> Slots::take(std::string_view key, const base::Loop& loop) {
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  return take_of({&shard, &place_of(shard, key)}, loop);
}

std::optional<Slots::Slot> Slots::take_of(Home home, const base::Loop& loop) {
  if (home.place->taken >= settings_.max_concurrent) return std::nullopt;
  ++home.place->taken;
  return Slot(*this, home, loop);
}

std::optional<Slots::Slot> Slots::join(std::string_view key, Waiter& waiter) {
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const Home home{&shard, &place_of(shard, key)};
  std::optional<Slot> slot = take_of(home, waiter.turn.loop());
  if (slot || home.place->waiting >= settings_.max_queue) return slot;
  ++home.place->waiting;
  home.place->waiters.push_back(waiter);
  waiter.home_ = home;
  return std::nullopt;
}

void Slots::pass_on(Home home, const base::Loop& from) {
  Place& place = *home.place;
  if (Waiter* first = place.waiters.pop_front()) {
    --place.waiting;
    first->has_slot_ = true;
    return first->turn.tell(from);
  }
  if (--place.taken == 0 && settings_.is_keyed)
    home.shard->places.erase(home.shard->places.find(place.key));
}

Slots::Slot::~Slot() {
  if (!slots_) return;
  const std::lock_guard lock(home_.shard->mutex);
  slots_->pass_on(home_, *loop_);
}

std::optional<Slots::Slot> Slots::Waiter::claim() {
  const std::lock_guard lock(home_.shard->mutex);
  if (!std::exchange(has_slot_, false)) return std::nullopt;
  return Slot(slots_, std::exchange(home_, Home{}), turn.loop());
}

Slots::Waiter::~Waiter() {
  if (!is_waiting()) return;
  const std::lock_guard lock(home_.shard->mutex);
  if (has_slot_) {
    slots_.pass_on(home_, turn.loop());
  } else {
    unlink();
    --home_.place->waiting;
  }
}

}  // namespace filters
