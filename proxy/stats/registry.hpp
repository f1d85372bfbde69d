// All metrics of the process, by name and labels, and their text for Prometheus (exposition format
// 0.0.4). Looking one up takes a lock: it is done when objects are built, the reference kept. Any
// thread; the metrics live as long as the registry.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/stats/metrics.hpp"

namespace stats {

using Labels = std::vector<std::pair<std::string_view, std::string_view>>;

class Registry {
 public:
  // shards: how many threads count; each uses its own number, from 0.
  explicit Registry(std::size_t shards) : shards_(shards) {}

  Counter& counter(std::string_view name, std::string_view help, const Labels& labels);
  Gauge& gauge(std::string_view name, std::string_view help, const Labels& labels);
  Histogram& histogram(std::string_view name, std::string_view help, const Labels& labels);
  // Whether less than that percentage of the places for series is taken.
  bool is_filled_below(std::size_t percentage) const;
  std::string render() const;
  std::size_t shards() const { return shards_; }

 private:
  static constexpr std::size_t most_series = 5000;

  template <typename Metric>
  struct Family {
    std::string help;
    std::map<std::string, std::unique_ptr<Metric>> by_labels;
  };
  template <typename Metric>
  using Families = std::map<std::string, Family<Metric>, std::less<>>;

  // A family as it is at the moment. Metrics and their labels stay where they are.
  template <typename Metric>
  struct Listed {
    struct One {
      const std::string& labels;
      const Metric& metric;
    };
    const std::string& name;
    std::string help;
    std::vector<One> metrics;
  };

  template <typename Metric>
  std::vector<Listed<Metric>> listed(const Families<Metric>& families) const;
  template <typename Metric, typename... Arguments>
  Metric& find(Families<Metric>& families, std::string_view name, std::string_view help,
               const Labels& labels, Arguments... arguments);

  std::size_t shards_;
  mutable std::mutex mutex_;
  std::size_t series_ = 0;
  std::size_t folded_ = 0;
  Families<Counter> counters_;
  Families<Gauge> gauges_;
  Families<Histogram> histograms_;
};

// {a="x",b="y"}, values escaped; "" for none.
std::string render_labels(const Labels& labels);

}  // namespace stats
