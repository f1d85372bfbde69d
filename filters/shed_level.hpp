// Which priorities a process under load refuses: those below a level from 0 (none) to 10 (all). It
// rises by one every 250 ms while something is over its bound, and falls by one while all is below
// 95 % of it. Time is an argument. Shared by all workers, any thread; each reports what it sees in
// a shard of its own.
#pragma once

#include "proxy/base/time.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

namespace filters {

class ShedLevel {
 public:
  static constexpr int priorities = 10;
  static constexpr base::Millis interval{250};

  struct Bounds {               // 0 = not looked at
    std::uint32_t memory = 0;   // in 1/100 % of the limit
    base::Duration latency{};   // of what was answered in one interval, its mean
    base::Duration loop_lag{};  // how late a loop was, at most
  };
  enum class Cause : std::uint8_t { memory, latency, loop_lag };
  // How the level has changed.
  struct Change {
    int from = 0;
    int to = 0;
    Cause cause{};  // if it has risen
  };

  ShedLevel(const Bounds& bounds, std::size_t shards);

  void saw_latency(std::size_t shard, base::Duration latency);
  void saw_lag(std::size_t shard, base::Duration lag);

  // What is lower is refused.
  int level() const { return level_.load(std::memory_order_relaxed); }
  // Looks whether it has to change, when it is time to. By whichever worker comes first.
  std::optional<Change> step(base::Time now, std::uint32_t memory_in_use);

 private:
  struct alignas(64) Shard {
    std::atomic<std::uint64_t> nanoseconds{0};  // both grow only, by their own thread
    std::atomic<std::uint64_t> answers{0};
    std::atomic<std::int64_t> lag{0};  // the most since the last step
  };
  struct Seen {
    std::uint32_t memory = 0;
    base::Duration latency{};
    base::Duration loop_lag{};
  };

  Seen look(std::uint32_t memory_in_use);
  std::optional<Cause> excess(const Seen& seen) const;
  bool is_relieved(const Seen& seen) const;

  const Bounds bounds_;
  const std::size_t count_;
  const std::unique_ptr<Shard[]> shards_;
  std::atomic<int> level_{0};
  std::atomic<base::Time> next_{base::Time::min()};

  std::mutex mutex_;  // of a step
  std::uint64_t nanoseconds_before_ = 0;
  std::uint64_t answers_before_ = 0;
};

}  // namespace filters
