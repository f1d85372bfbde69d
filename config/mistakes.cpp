#include "config/mistakes.hpp"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace config {
namespace {

constexpr std::size_t longest_shown = 160;

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view Source::line(int number) const {
  std::string_view rest = text;
  for (int i = 1; i < number; ++i) {
    const std::size_t end = rest.find('\n');
    if (end == rest.npos) return {};
    rest.remove_prefix(end + 1);
  }
  rest = rest.substr(0, rest.find('\n'));
  if (rest.ends_with('\r')) rest.remove_suffix(1);
  return rest;
}

std::string Mistake::to_string() const {
  if (!mark.source) return message + '\n';
  std::string shown = mark.source->name;
  if (mark.line == 0) return shown + ": " + message + '\n';
  shown += ':' + std::to_string(mark.line) + ':' + std::to_string(mark.column) + ": " + message;
  const std::string_view line = mark.source->line(mark.line);
  if (line.size() > longest_shown) return shown + '\n';
  shown += "\n  ";
  for (const char c : line) shown += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  shown += "\n  ";
  shown.append(static_cast<std::size_t>(std::max(mark.column - 1, 0)), ' ').append("^\n");
  return shown;
}

void Mistakes::add(const Mark& mark, std::string message) {
  all_.push_back({mark, std::move(message)});
}

std::vector<Mistake> Mistakes::sorted() const {
  const auto key = [](const Mistake& mistake) {
    const Mark& mark = mistake.mark;
    return std::tuple(mark.source ? std::string_view(mark.source->name) : std::string_view(),
                      mark.line, mark.column, std::string_view(mistake.message));
  };
  std::vector<Mistake> sorted = all_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](const Mistake& a, const Mistake& b) { return key(a) < key(b); });
  sorted.erase(std::unique(sorted.begin(), sorted.end(),
                           [&](const Mistake& a, const Mistake& b) { return key(a) == key(b); }),
               sorted.end());
  return sorted;
}

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
  std::string_view best;
  std::size_t least = std::max<std::size_t>(2, word.size() / 3) + 1;
  if (word.size() <= 2) least = 2;
  for (const std::string_view candidate : candidates) {
    const std::size_t d = distance(word, candidate);
    if (d < least) {
      least = d;
      best = candidate;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates) {
  const std::string_view near = nearest(word, candidates);
  return near.empty() ? std::string() : ", did you mean \"" + std::string(near) + "\"?";
}

}  // namespace config
