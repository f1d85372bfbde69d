#include "filters/gradient_limit.hpp"

#include <algorithm>
#include <cmath>

namespace filters {
namespace {

constexpr double first_limit = 100;
constexpr std::uint64_t fewest_answers = 10;  // from which a window tells something
constexpr int windows_between_probes = 30;
constexpr double much_lower = 0.8;
constexpr double much_higher = 1.25;

}  // namespace

using base::Duration;
using base::Time;

GradientLimit::GradientLimit(const Settings& settings, std::size_t shards)
    : settings_(settings),
      count_(shards),
      shards_(new Shard[shards]),
      exact_limit_(0),
      windows_(windows_between_probes - 1) {
  set_limit(first_limit);
}

bool GradientLimit::enter() {
  const std::uint64_t before = present_.fetch_add(1, std::memory_order_relaxed);
  if (before >= limit()) {
    leave();
    return false;
  }
  if (before >= peak_.load(std::memory_order_relaxed))
    peak_.store(before + 1, std::memory_order_relaxed);
  return true;
}

void GradientLimit::took(std::size_t shard, Duration latency, Time now) {
  if (now - latency < counts_from_.load(std::memory_order_relaxed)) return;
  Shard& own = shards_[shard];
  const auto add = [](std::atomic<std::uint64_t>& to, std::uint64_t more) {
    to.store(to.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  };
  add(own.nanoseconds, static_cast<std::uint64_t>(latency.count()));
  add(own.answers, 1);
  if (now < window_ends_.load(std::memory_order_relaxed)) return;
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (lock && now >= window_ends_.load(std::memory_order_relaxed)) end_window(now);
}

void GradientLimit::end_window(Time now) {
  window_ends_.store(now + settings_.window, std::memory_order_relaxed);
  const Window window = look();
  if (window.answers < fewest_answers) return;
  is_probing_ ? end_probe(window, now) : adjust(window, now);
}

GradientLimit::Window GradientLimit::look() {
  std::uint64_t nanoseconds = 0;
  std::uint64_t answers = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    nanoseconds += shards_[i].nanoseconds.load(std::memory_order_relaxed);
    answers += shards_[i].answers.load(std::memory_order_relaxed);
  }
  Window window{answers - answers_before_, 0, peak_.exchange(0, std::memory_order_relaxed)};
  if (window.answers > 0)
    window.mean = static_cast<double>(nanoseconds - nanoseconds_before_) /
                  static_cast<double>(window.answers);
  nanoseconds_before_ = nanoseconds;
  answers_before_ = answers;
  return window;
}

// Traffic that needs less than half of the limit does not show that it could be larger, and has no
// queue to be probed for.
void GradientLimit::adjust(const Window& window, Time now) {
  if (least_ == 0 || window.mean < least_) least_ = window.mean;
  const double allowed = least_ * (1 + settings_.headroom / 10'000.0);
  const double gradient = std::clamp(allowed / std::max(window.mean, 1.0), 0.5, 1.0);
  const bool is_needed = window.peak * 2 >= limit();
  const double growth = is_needed ? std::sqrt(exact_limit_) : 0;
  set_limit(exact_limit_ * gradient + growth);
  // While a queue grows a probe would hold it against a smaller one, and take it for the upstream's
  // own time.
  const bool is_steady =
      window.mean > mean_before_ * much_lower && window.mean < mean_before_ * much_higher;
  mean_before_ = window.mean;
  if (++windows_ >= windows_between_probes && is_needed && is_steady) begin_probe(window, now);
}

// What was begun under the larger limit has stood in its queue: it says nothing of this one.
void GradientLimit::begin_probe(const Window& window, Time now) {
  is_probing_ = true;
  counts_from_.store(now, std::memory_order_relaxed);
  mean_before_ = window.mean;
  limit_.store(std::max(limit() / 2, settings_.min), std::memory_order_relaxed);
}

// Fewer at once make nobody slower: then the upstream changed meanwhile, and another probe is to
// tell.
void GradientLimit::end_probe(const Window& window, Time now) {
  const bool has_told = window.mean < mean_before_ * much_higher;
  if (has_told) least_ = window.mean;
  if (window.mean < mean_before_ * much_lower && limit() > settings_.min) {
    set_limit(static_cast<double>(limit()));
    return begin_probe(window, now);
  }
  is_probing_ = false;
  mean_before_ = window.mean;
  counts_from_.store(Time::min(), std::memory_order_relaxed);
  if (has_told) windows_ = 0;
  set_limit(exact_limit_);
}

void GradientLimit::set_limit(double limit) {
  exact_limit_ = std::clamp(limit, static_cast<double>(settings_.min),
                            static_cast<double>(std::max(settings_.min, settings_.max)));
  limit_.store(static_cast<std::uint64_t>(exact_limit_), std::memory_order_relaxed);
}

}  // namespace filters
