#include "proxy/stats/metrics.hpp"

#include <algorithm>

namespace stats {
namespace {

void bump(std::atomic<std::uint64_t>& value, std::uint64_t by) {
  value.store(value.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

}  // namespace

std::uint64_t Counter::value() const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < count_; ++i) sum += shards_[i].value();
  return sum;
}

void Histogram::observe(std::size_t shard, base::Duration duration) {
  const auto micros = static_cast<std::uint64_t>(
      std::max<std::int64_t>(0, duration / std::chrono::microseconds{1}));
  const auto bucket = static_cast<std::size_t>(
      std::lower_bound(bounds.begin(), bounds.end(), micros) - bounds.begin());
  bump(shards_[shard].counts[bucket], 1);
  bump(shards_[shard].sum, micros);
}

Histogram::Counts Histogram::counts() const {
  Counts sums{};
  for (std::size_t i = 0; i < count_; ++i)
    for (std::size_t k = 0; k < sums.size(); ++k)
      sums[k] += shards_[i].counts[k].load(std::memory_order_relaxed);
  return sums;
}

double Histogram::sum_seconds() const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < count_; ++i) sum += shards_[i].sum.load(std::memory_order_relaxed);
  return static_cast<double>(sum) / 1e6;
}

}  // namespace stats
