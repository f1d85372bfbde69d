#include "config/mistakes.hpp"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace config {
namespace {

constexpr std::size_t longest_line = 160;
constexpr std::size_t longest_word = 64;
constexpr std::size_t shortest_secret = 4;  // of less, every message would be full
constexpr std::string_view hidden = "[not shown]";

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

// What a file says may have been made to change a terminal.
std::string printable(std::string_view text) {
  std::string shown(text);
  const bool is_text = is_utf8(text);
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const auto byte = static_cast<unsigned char>(shown[i]);
    if (byte < ' ' || byte == 0x7f) shown[i] = ' ';
    if (byte >= 0x80 && !is_text) shown[i] = '?';
    if (is_text && byte == 0xc2 && has_control(std::string_view(shown).substr(i, 2)))
      shown.replace(i, 2, "?");
  }
  return shown;
}

struct Excerpt {
  std::string text;
  std::size_t caret;  // the characters before it
};

// The part of the line in which byte `at` stands.
Excerpt around(std::string_view line, std::size_t at) {
  const auto is_inside = [](char c) { return (c & 0xc0) == 0x80; };
  at = std::min(at, line.size());
  std::size_t begin =
      line.size() <= longest_line || at <= longest_line / 2 ? 0 : at - longest_line / 2;
  while (begin > 0 && begin < line.size() && is_inside(line[begin])) --begin;
  std::size_t end = std::min(line.size(), begin + longest_line);
  while (end < line.size() && is_inside(line[end])) ++end;
  const std::string before = begin > 0 ? "..." : "";
  const std::string after = end < line.size() ? "..." : "";
  return {before + printable(line.substr(begin, end - begin)) + after,
          before.size() + characters(line.substr(begin, at - begin))};
}

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

std::string Mistake::to_string() const {
  const std::string what = printable(message);
  if (!mark.source) return what + '\n';
  if (mark.line == 0) return mark.source->name + ": " + what + '\n';
  const std::string_view line = mark.source->line(mark.line);
  const auto bytes = static_cast<std::size_t>(std::max(mark.column, 1)) - 1;
  const std::size_t before = characters(line.substr(0, bytes)) + (bytes > line.size() ? 1 : 0);
  const std::string place = std::to_string(mark.line) + ':' + std::to_string(before + 1);
  const Excerpt excerpt = around(line, bytes);
  return mark.source->name + ':' + place + ": " + what + "\n  " + excerpt.text + "\n  " +
         std::string(excerpt.caret, ' ') + "^\n";
}

void Mistakes::add(const Mark& mark, std::string message) {
  if (is_full()) {
    ++further_;
    return;
  }
  for (const std::string& secret : secrets_)
    for (std::size_t at = message.find(secret); at != message.npos;
         at = message.find(secret, at + hidden.size()))
      message.replace(at, secret.size(), hidden);
  all_.push_back({mark, std::move(message)});
}

void Mistakes::hide(const std::string& secret) {
  const bool is_new = std::find(secrets_.begin(), secrets_.end(), secret) == secrets_.end();
  if (is_new && secret.size() >= shortest_secret && secrets_.size() < most)
    secrets_.push_back(secret);
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
  if (further_ > 0)
    sorted.push_back({{}, "... and " + std::to_string(further_) + " more: mend these first"});
  return sorted;
}

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
  std::string_view best;
  // Of short words less may differ, or anything would be meant.
  const std::size_t least_of_short = std::max<std::size_t>(word.size(), 1) - (word.size() == 3);
  std::size_t least =
      word.size() <= 3 ? least_of_short : std::max<std::size_t>(2, word.size() / 3) + 1;
  if (word.size() > longest_word) return {};
  for (const std::string_view candidate : candidates) {
    const std::size_t apart =
        std::max(word.size(), candidate.size()) - std::min(word.size(), candidate.size());
    if (apart >= least) continue;
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
