#include "proxy/stats/registry.hpp"

#include <algorithm>
#include <charconv>

namespace stats {
namespace {

std::string decimal(double value) {
  char text[64];
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed).ptr;
  return {text, end};
}

void describe(std::string& out, const std::string& name, const std::string& help,
              std::string_view type) {
  out.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ");
  out.append(name).append(" ").append(type).append("\n");
}

// The labels with one more at their end.
std::string with(const std::string& labels, const std::string& more) {
  if (labels.empty()) return '{' + more + '}';
  return labels.substr(0, labels.size() - 1) + ',' + more + '}';
}

void render_histogram(std::string& out, const std::string& name, const std::string& labels,
                      const Histogram& histogram) {
  const Histogram::Counts counts = histogram.counts();
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    sum += counts[i];
    const bool is_last = i == Histogram::bounds.size();
    const std::string bound =
        is_last ? "+Inf" : decimal(static_cast<double>(Histogram::bounds[i]) / 1e6);
    out.append(name).append("_bucket").append(with(labels, "le=\"" + bound + '"'));
    out.append(" ").append(std::to_string(sum)).append("\n");
  }
  out.append(name).append("_sum").append(labels).append(" ");
  out.append(decimal(histogram.sum_seconds())).append("\n");
  out.append(name).append("_count").append(labels).append(" ");
  out.append(std::to_string(sum)).append("\n");
}

// Series of all other routes together. What finds no place here either is one with its family.
constexpr std::size_t most_without_route = 500;

bool has(const Labels& labels, std::string_view name) {
  return std::any_of(labels.begin(), labels.end(),
                     [name](const auto& label) { return label.first == name; });
}

// With "other" for that label; name "": for each.
Labels folded(const Labels& labels, std::string_view name) {
  Labels all = labels;
  for (auto& [label, value] : all)
    if (name.empty() || label == name) value = "other";
  return all;
}

}  // namespace

std::string render_labels(const Labels& labels) {
  std::string text;
  for (const auto& [name, value] : labels) {
    text += text.empty() ? '{' : ',';
    text.append(name).append("=\"");
    for (const char c : value) {
      if (c == '\n') {
        text += "\\n";
        continue;
      }
      if (c == '"' || c == '\\') text += '\\';
      text += c;
    }
    text += '"';
  }
  return text.empty() ? text : text + '}';
}

template <typename Metric, typename... Arguments>
Metric& Registry::find(Families<Metric>& families, std::string_view name, std::string_view help,
                       const Labels& labels, Arguments... arguments) {
  const std::lock_guard lock(mutex_);
  Family<Metric>& family = families.try_emplace(std::string(name)).first->second;
  family.help = help;
  std::string key = render_labels(labels);
  if (!family.by_labels.contains(key) && series_ >= most_series) {
    key = render_labels(folded(labels, "route"));
    const bool has_room = has(labels, "route") && series_ < most_series + most_without_route;
    if (!has_room && !family.by_labels.contains(key)) key = render_labels(folded(labels, ""));
    ++folded_;
  }
  std::unique_ptr<Metric>& metric = family.by_labels[key];
  if (!metric) {
    metric = std::make_unique<Metric>(arguments...);
    ++series_;
  }
  return *metric;
}

Counter& Registry::counter(std::string_view name, std::string_view help, const Labels& labels) {
  return find(counters_, name, help, labels, shards_);
}

Gauge& Registry::gauge(std::string_view name, std::string_view help, const Labels& labels) {
  return find(gauges_, name, help, labels);
}

Histogram& Registry::histogram(std::string_view name, std::string_view help,
                               const Labels& labels) {
  return find(histograms_, name, help, labels, shards_);
}

bool Registry::is_filled_below(std::size_t percentage) const {
  const std::lock_guard lock(mutex_);
  return series_ < most_series * percentage / 100;
}

template <typename Metric>
std::vector<Registry::Listed<Metric>> Registry::listed(const Families<Metric>& families) const {
  const std::lock_guard lock(mutex_);
  std::vector<Listed<Metric>> all;
  for (const auto& [name, family] : families) {
    Listed<Metric>& made = all.emplace_back(Listed<Metric>{name, family.help, {}});
    made.metrics.reserve(family.by_labels.size());
    for (const auto& [labels, metric] : family.by_labels) made.metrics.push_back({labels, *metric});
  }
  return all;
}

// Who looks up a series meanwhile does not wait for the text.
std::string Registry::render() const {
  std::string out;
  for (const auto& family : listed(counters_)) {
    describe(out, family.name, family.help, "counter");
    for (const auto& [labels, counter] : family.metrics)
      out.append(family.name).append(labels).append(" ").append(std::to_string(counter.value())).append("\n");
  }
  for (const auto& family : listed(gauges_)) {
    describe(out, family.name, family.help, "gauge");
    for (const auto& [labels, gauge] : family.metrics)
      out.append(family.name).append(labels).append(" ").append(std::to_string(gauge.value())).append("\n");
  }
  for (const auto& family : listed(histograms_)) {
    describe(out, family.name, family.help, "histogram");
    for (const auto& [labels, histogram] : family.metrics)
      render_histogram(out, family.name, labels, histogram);
  }
  describe(out, "outrider_series_folded_total", "Series that found no place of their own.", "counter");
  const std::lock_guard lock(mutex_);
  out.append("outrider_series_folded_total ").append(std::to_string(folded_)).append("\n");
  return out;
}

}  // namespace stats
