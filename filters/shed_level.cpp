#include "filters/shed_level.hpp"

#include <algorithm>

namespace filters {

using base::Duration;
using base::Time;

ShedLevel::ShedLevel(const Bounds& bounds, std::size_t shards)
    : bounds_(bounds), count_(shards), shards_(new Shard[shards]) {}

void ShedLevel::saw_latency(std::size_t shard, Duration latency) {
  Shard& own = shards_[shard];
  const auto add = [](std::atomic<std::uint64_t>& to, std::uint64_t more) {
    to.store(to.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  };
  add(own.nanoseconds, static_cast<std::uint64_t>(latency.count()));
  add(own.answers, 1);
}

// Keeps the greatest lag since the last step. A step at this very moment may lose it, and sees the
// next if the loop goes on lagging.
void ShedLevel::saw_lag(std::size_t shard, Duration lag) {
  std::atomic<std::int64_t>& own = shards_[shard].lag;
  if (lag.count() > own.load(std::memory_order_relaxed))
    own.store(lag.count(), std::memory_order_relaxed);
}

std::optional<ShedLevel::Change> ShedLevel::step(Time now, std::uint32_t memory_in_use) {
  if (now < next_.load(std::memory_order_relaxed)) return std::nullopt;
  const std::unique_lock lock(mutex_, std::try_to_lock);
  const Time due = next_.load(std::memory_order_relaxed);
  if (!lock || now < due) return std::nullopt;
  next_.store(now + interval, std::memory_order_relaxed);
  const Seen seen = look(memory_in_use);
  const int before = level();
  Change change{before, before, {}};
  if (const auto cause = excess(seen)) {
    change.cause = *cause;
    change.to = std::min(before + 1, priorities);
  } else if (before > 0 && is_relieved(seen)) {
    // Steps are taken when requests come: intervals in which none came count as well.
    const auto intervals = 1 + (now - due) / Duration(interval);
    change.to = before - static_cast<int>(std::min<std::int64_t>(intervals, before));
  }
  if (change.to == before) return std::nullopt;
  level_.store(change.to, std::memory_order_relaxed);
  return change;
}

ShedLevel::Seen ShedLevel::look(std::uint32_t memory_in_use) {
  Seen seen{memory_in_use, {}, {}};
  std::uint64_t nanoseconds = 0;
  std::uint64_t answers = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    nanoseconds += shards_[i].nanoseconds.load(std::memory_order_relaxed);
    answers += shards_[i].answers.load(std::memory_order_relaxed);
    seen.loop_lag =
        std::max(seen.loop_lag, Duration(shards_[i].lag.exchange(0, std::memory_order_relaxed)));
  }
  if (answers != answers_before_)
    seen.latency = Duration((nanoseconds - nanoseconds_before_) / (answers - answers_before_));
  nanoseconds_before_ = nanoseconds;
  answers_before_ = answers;
  return seen;
}

std::optional<ShedLevel::Cause> ShedLevel::excess(const Seen& seen) const {
  if (bounds_.memory > 0 && seen.memory > bounds_.memory) return Cause::memory;
  if (bounds_.latency > Duration{0} && seen.latency > bounds_.latency) return Cause::latency;
  if (bounds_.loop_lag > Duration{0} && seen.loop_lag > bounds_.loop_lag) return Cause::loop_lag;
  return std::nullopt;
}

bool ShedLevel::is_relieved(const Seen& seen) const {
  const auto is_below = [](auto value, auto bound) { return value * 100 < bound * 95; };
  return (bounds_.memory == 0 || is_below(seen.memory, bounds_.memory)) &&
         (bounds_.latency == Duration{0} || is_below(seen.latency, bounds_.latency)) &&
         (bounds_.loop_lag == Duration{0} || is_below(seen.loop_lag, bounds_.loop_lag));
}

}  // namespace filters
