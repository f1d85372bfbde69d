#include "proxy/simulate/latencies.hpp"

#include <algorithm>
#include <cmath>

namespace simulate {
namespace {

// Up to here each millisecond has a step of its own: time has no finer one.
constexpr std::int64_t by_millis = 20;
const double by_twentieth = std::log(1.05);

}  // namespace

std::size_t Latencies::step_of(base::Duration took) {
  const auto millis = std::max<std::int64_t>(took / base::Millis{1}, 0);
  if (millis <= by_millis) return static_cast<std::size_t>(millis);
  const double above = std::log(static_cast<double>(millis) / by_millis) / by_twentieth;
  return static_cast<std::size_t>(by_millis) + static_cast<std::size_t>(std::ceil(above));
}

void Latencies::add(const Latencies& more) {
  if (counts_.size() < more.counts_.size()) counts_.resize(more.counts_.size());
  for (std::size_t i = 0; i < more.counts_.size(); ++i) counts_[i] += more.counts_[i];
  count_ += more.count_;
}

double Latencies::quantile(double q) const {
  if (count_ == 0) return 0;
  const auto wanted = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  std::size_t step = 0;
  for (; step + 1 < counts_.size(); ++step)
    if ((seen += counts_[step]) >= std::max<std::uint64_t>(wanted, 1)) break;
  if (step <= static_cast<std::size_t>(by_millis)) return static_cast<double>(step);
  const auto above = static_cast<double>(step - static_cast<std::size_t>(by_millis));
  return std::round(static_cast<double>(by_millis) * std::exp(above * by_twentieth));
}

}  // namespace simulate
