// Slots of a bulkhead: so many for each key, and who waits for one, first in first out whichever
// worker they are on. A slot that is given back goes to the first who waits, without becoming free
// between; so nobody overtakes. A key is kept while somebody has or wants a slot of it.
//
// Shared by all workers, any thread; a Waiter belongs to the thread of its loop.
#pragma once

#include "filters/turn.hpp"
#include "proxy/base/link.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace filters {

class Slots {
 public:
  struct Settings {
    std::uint64_t max_concurrent = 1;
    std::uint64_t max_queue = 0;
    bool is_keyed = false;
  };
  class Slot;
  class Waiter;

  explicit Slots(const Settings& settings);

  // None: all are taken. loop: of the thread that will have it.
  std::optional<Slot> take(std::string_view key, const base::Loop& loop);
  // One after all, or else the waiter waits; if it does not, the queue is full.
  std::optional<Slot> join(std::string_view key, Waiter& waiter);

 private:
  struct Place {
    std::string_view key;
    std::uint64_t taken = 0;
    std::uint64_t waiting = 0;
    base::List<Waiter> waiters;  // only while all slots are taken
  };
  struct alignas(64) Shard {
    std::mutex mutex;  // of all that is in it, and of what its waiters have to do with it
    std::map<std::string, Place, std::less<>> places;
  };
  // Where a slot belongs to.
  struct Home {
    Shard* shard = nullptr;
    Place* place = nullptr;
  };

  Shard& shard_of(std::string_view key);
  static Place& place_of(Shard& shard, std::string_view key);
  // The shard is locked.
  std::optional<Slot> take_of(Home home, const base::Loop& loop);
  // To the first who waits, or to nobody; the shard is locked.
  void pass_on(Home home, const base::Loop& from);

  const Settings settings_;
  const std::size_t shard_count_;
  const std::unique_ptr<Shard[]> shards_;
};

// Given back when it dies.
class Slots::Slot {
 public:
  Slot(Slot&& other) noexcept
      : slots_(std::exchange(other.slots_, nullptr)), home_(other.home_), loop_(other.loop_) {}
  Slot& operator=(Slot&& other) noexcept {
    std::swap(slots_, other.slots_);
    std::swap(home_, other.home_);
    std::swap(loop_, other.loop_);
    return *this;
  }
  ~Slot();

 private:
  friend class Slots;
  Slot(Slots& slots, Home home, const base::Loop& loop)
      : slots_(&slots), home_(home), loop_(&loop) {}

  Slots* slots_;
  Home home_;
  const base::Loop* loop_;
};

// One that waits for a slot; leaves the queue when it dies.
class Slots::Waiter : public base::Link {
 public:
  Waiter(Slots& slots, base::Loop& loop) : turn(loop), slots_(slots) {}
  ~Waiter();

  bool is_waiting() const { return home_.shard != nullptr; }
  // What it has been waiting for; none = it has to wait further.
  std::optional<Slot> claim();

  Turn turn;

 private:
  friend class Slots;
  Slots& slots_;
  Home home_;
  bool has_slot_ = false;  // which it has not claimed
};

}  // namespace filters
