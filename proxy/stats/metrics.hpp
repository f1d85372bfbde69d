// Counters, gauges and histograms. Counters and histograms have a shard for each worker, which alone
// writes it: no lock and no contended cache line on the request path. Reading adds the shards up, from
// any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "proxy/base/time.hpp"

namespace stats {

// A number that one thread writes and others read.
class alignas(64) Shard {
 public:
  void add(std::uint64_t count) {
    value_.store(value_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Counter {
 public:
  explicit Counter(std::size_t shards) : count_(shards), shards_(new Shard[shards]) {}
  // By the thread of that shard only.
  void add(std::size_t shard, std::uint64_t count = 1) { shards_[shard].add(count); }
  std::uint64_t value() const;

 private:
  std::size_t count_;
  std::unique_ptr<Shard[]> shards_;
};

class Gauge {  // any thread
 public:
  void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void add(std::int64_t by) { value_.fetch_add(by, std::memory_order_relaxed); }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

class Histogram {
 public:
  // Upper bounds of the buckets, in microseconds; one more has none.
  static constexpr std::array<std::uint64_t, 14> bounds = {
      500,     1'000,   5'000,     10'000,    25'000,    50'000,     100'000,
      250'000, 500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000, 30'000'000};
  using Counts = std::array<std::uint64_t, bounds.size() + 1>;

  explicit Histogram(std::size_t shards) : count_(shards), shards_(new Of[shards]) {}
  void observe(std::size_t shard, base::Duration duration);
  Counts counts() const;        // each bucket by itself
  double sum_seconds() const;

 private:
  struct alignas(64) Of {
    std::array<std::atomic<std::uint64_t>, bounds.size() + 1> counts{};
    std::atomic<std::uint64_t> sum{0};  // microseconds
  };
  std::size_t count_;
  std::unique_ptr<Of[]> shards_;
};

}  // namespace stats
