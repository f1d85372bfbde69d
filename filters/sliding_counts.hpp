// Two counts over a sliding window of ten slices, for all workers together: each adds to a shard of
// its own, which no other writes, and who judges adds the shards up. No lock, no contended cache
// line on the way of a request.
#pragma once

#include "proxy/base/time.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

namespace filters {

class SlidingCounts {
 public:
  struct Sums {
    std::uint64_t all = 0;
    std::uint64_t marked = 0;
  };

  // shards: how many threads count; each uses its own number, from 0.
  SlidingCounts(base::Duration window, std::size_t shards)
      : slice_(window / slices), count_(shards), shards_(new Shard[shards]) {}

  // By the thread of that shard only.
  void add(std::size_t shard, base::Time now, bool is_marked) {
    Shard& own = shards_[shard];
    begin_era(own);
    const std::uint64_t epoch = epoch_of(now);
    std::atomic<std::uint64_t>& cell = own.cells[epoch % slices];
    const std::uint64_t seen = cell.load(std::memory_order_relaxed);
    const std::uint64_t kept = seen >> epoch_shift == epoch ? seen : epoch << epoch_shift;
    std::uint64_t next = kept;
    if ((kept & count_mask) < count_mask) next += 1;
    if (is_marked && (kept >> count_bits & count_mask) < count_mask) next += 1ULL << count_bits;
    cell.store(next, std::memory_order_relaxed);
  }

  Sums sums(base::Time now) const {
    const std::uint64_t epoch = epoch_of(now);
    const std::uint32_t era = era_.load(std::memory_order_relaxed);
    Sums sums;
    for (std::size_t i = 0; i < count_; ++i) {
      if (shards_[i].era.load(std::memory_order_acquire) != era) continue;
      for (const std::atomic<std::uint64_t>& cell : shards_[i].cells) {
        const std::uint64_t seen = cell.load(std::memory_order_relaxed);
        const std::uint64_t age = (epoch - (seen >> epoch_shift)) & epoch_mask;
        if (age >= slices) continue;
        sums.all += seen & count_mask;
        sums.marked += seen >> count_bits & count_mask;
      }
    }
    return sums;
  }

  // What was counted before is forgotten. Any thread.
  void clear() { era_.fetch_add(1, std::memory_order_relaxed); }

 private:
  static constexpr int slices = 10;
  static constexpr int count_bits = 20;
  static constexpr int epoch_shift = 2 * count_bits;
  static constexpr std::uint64_t count_mask = (1ULL << count_bits) - 1;
  static constexpr std::uint64_t epoch_mask = (1ULL << (64 - epoch_shift)) - 1;

  struct alignas(64) Shard {
    std::atomic<std::uint32_t> era{0};  // an older one: its cells are of before the last clear()
    std::array<std::atomic<std::uint64_t>, slices> cells{};
  };

  void begin_era(Shard& own) const {
    const std::uint32_t era = era_.load(std::memory_order_relaxed);
    if (own.era.load(std::memory_order_relaxed) == era) return;
    for (std::atomic<std::uint64_t>& cell : own.cells) cell.store(0, std::memory_order_relaxed);
    own.era.store(era, std::memory_order_release);
  }

  std::uint64_t epoch_of(base::Time now) const {
    return static_cast<std::uint64_t>(now.time_since_epoch() / slice_ + slices) & epoch_mask;
  }

  const base::Duration slice_;
  const std::size_t count_;
  const std::unique_ptr<Shard[]> shards_;
  std::atomic<std::uint32_t> era_{0};
};

}  // namespace filters
