// Two counts over a sliding window of ten slices, for all workers together: a few atomics, no lock.
// An addition that races with the start of a slice may be lost; policies live with that.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "proxy/base/time.hpp"

namespace filters {

class SlidingCounts {
 public:
  struct Sums {
    std::uint64_t all = 0;
    std::uint64_t marked = 0;
  };

  explicit SlidingCounts(base::Duration window) : slice_(window / slices) {}

  void add(base::Time now, bool is_marked) {
    const std::uint64_t epoch = epoch_of(now);
    std::atomic<std::uint64_t>& cell = cells_[epoch % slices];
    std::uint64_t seen = cell.load(std::memory_order_relaxed);
    std::uint64_t next = 0;
    do {
      const std::uint64_t kept = seen >> epoch_shift == epoch ? seen : epoch << epoch_shift;
      next = kept;
      if ((kept & count_mask) < count_mask) next += 1;
      if (is_marked && (kept >> count_bits & count_mask) < count_mask) next += 1ULL << count_bits;
    } while (!cell.compare_exchange_weak(seen, next, std::memory_order_relaxed));
  }

  Sums sums(base::Time now) const {
    const std::uint64_t epoch = epoch_of(now);
    Sums sums;
    for (const std::atomic<std::uint64_t>& cell : cells_) {
      const std::uint64_t seen = cell.load(std::memory_order_relaxed);
      const std::uint64_t age = (epoch - (seen >> epoch_shift)) & epoch_mask;
      if (age >= slices) continue;
      sums.all += seen & count_mask;
      sums.marked += seen >> count_bits & count_mask;
    }
    return sums;
  }

  void clear() {
    for (std::atomic<std::uint64_t>& cell : cells_) cell.store(0, std::memory_order_relaxed);
  }

 private:
  static constexpr int slices = 10;
  static constexpr int count_bits = 20;
  static constexpr int epoch_shift = 2 * count_bits;
  static constexpr std::uint64_t count_mask = (1ULL << count_bits) - 1;
  static constexpr std::uint64_t epoch_mask = (1ULL << (64 - epoch_shift)) - 1;

  std::uint64_t epoch_of(base::Time now) const {
    return static_cast<std::uint64_t>(now.time_since_epoch() / slice_ + slices) & epoch_mask;
  }

  base::Duration slice_;
  std::array<std::atomic<std::uint64_t>, slices> cells_{};
};

}  // namespace filters
