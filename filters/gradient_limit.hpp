// How many requests may be under way at once, found by what they take: a window's mean latency is
// held against the least one known. As long as it is no more than that and the headroom, the limit
// grows by its square root; else it shrinks by the ratio of the two, at most by half. So it settles
// where queues begin.
//
// What is always there would pass for the upstream's own time. So at the beginning, and every
// thirty windows in which the limit is needed, one is spent at half of it; as long as that brings a
// latency that is much lower there was a queue, and it is halved again. None is begun while the
// latency of one window is much unlike that of the window before, and one under which it grew has
// told nothing.
//
// It is Netflix' and Envoy's gradient; the mean of windows stands where Envoy takes a percentile,
// and half the limit where it goes down to the least at once: that costs who is not queued little.
//
// Time is an argument. Shared by all workers, any thread; each counts in a shard of its own.
#pragma once

#include "proxy/base/time.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

namespace filters {

class GradientLimit {
 public:
  struct Settings {
    std::uint64_t min = 4;
    std::uint64_t max = 1'000;
    base::Millis window{1'000};
    std::uint32_t headroom = 2'500;  // in 1/100 %
  };

  GradientLimit(const Settings& settings, std::size_t shards);

  // False: as many as may be are under way. Else leave() follows.
  bool enter();
  void leave() { present_.fetch_sub(1, std::memory_order_relaxed); }
  // How long one took that came to an answer.
  void took(std::size_t shard, base::Duration latency, base::Time now);

  std::uint64_t limit() const { return limit_.load(std::memory_order_relaxed); }

 private:
  struct alignas(64) Shard {
    std::atomic<std::uint64_t> nanoseconds{0};  // both grow only, by their own thread
    std::atomic<std::uint64_t> answers{0};
  };
  struct Window {
    std::uint64_t answers = 0;
    double mean = 0;  // nanoseconds
    std::uint64_t peak = 0;
  };

  Window look();
  void end_window(base::Time now);
  void adjust(const Window& window, base::Time now);
  void begin_probe(const Window& window, base::Time now);
  void end_probe(const Window& window, base::Time now);
  void set_limit(double limit);

  const Settings settings_;
  const std::size_t count_;
  const std::unique_ptr<Shard[]> shards_;
  std::atomic<std::uint64_t> present_{0};
  std::atomic<std::uint64_t> peak_{0};  // of this window
  std::atomic<std::uint64_t> limit_;
  std::atomic<base::Time> window_ends_{base::Time::min()};
  std::atomic<base::Time> counts_from_{base::Time::min()};  // what was begun before is left out

  std::mutex mutex_;  // of a window's end, and of what follows
  double exact_limit_;
  double least_ = 0;  // nanoseconds; 0 = not known
  std::uint64_t nanoseconds_before_ = 0;
  std::uint64_t answers_before_ = 0;
  int windows_;  // since the last probe
  bool is_probing_ = false;
  double mean_before_ = 0;  // of the window before: nanoseconds
};

}  // namespace filters
