#include "config/mistakes.hpp"

#include "config/words.hpp"
#include "proxy/base/ascii.hpp"
#include "proxy/base/field_names.hpp"
#include "proxy/base/utf8.hpp"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

namespace config {
namespace {

constexpr std::size_t longest_line = 160;
constexpr std::size_t longest_word = 64;

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

// What a file says may have been made to change a terminal.
std::string printable(std::string_view text) {
  std::string shown(text);
  const bool is_text = base::is_utf8(text);
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const auto byte = static_cast<unsigned char>(shown[i]);
    if (byte < ' ' || byte == 0x7f) shown[i] = ' ';
    if (byte >= 0x80 && !is_text) shown[i] = '?';
    if (is_text && byte == 0xc2 && has_control(std::string_view(shown).substr(i, 2)))
      shown.replace(i, 2, "?");
  }
  return shown;
}

void cover(std::string& line, std::size_t begin, std::size_t end) {
  std::fill(line.begin() + static_cast<std::ptrdiff_t>(begin),
            line.begin() + static_cast<std::ptrdiff_t>(std::min(end, line.size())), '*');
}

// The line with stars for what stands behind a key that usually carries a secret, and for the user
// in a URL; a variable's name may be seen. As long as before.
std::string without_secrets(std::string_view line) {
  std::string shown(line);
  for (std::size_t colon = line.find(':'); colon != line.npos; colon = line.find(':', colon + 1)) {
    if (line.substr(colon).starts_with("://")) {
      const std::size_t end = line.find_first_of("/ \t\"',}", colon + 3);
      const std::size_t at = line.substr(0, end).rfind('@');
      if (at != line.npos && at > colon + 3 &&
          line.substr(colon, at - colon).find("${") == line.npos)
        cover(shown, colon + 3, at);
      continue;
    }
    const std::size_t begin = line.find_first_not_of(" \t\"'", colon + 1);
    const std::size_t key = line.find_last_of(" \t\"'{,", colon == 0 ? 0 : colon - 1);
    std::string_view name = line.substr(key == line.npos ? 0 : key + 1);
    name = name.substr(0, name.find_first_of("\"':"));
    if (begin == line.npos || !is_secret_field(name) || !base::is_token(name) ||
        name.find('$') != name.npos || line[begin] == '{' || line[begin] == '[' ||
        line.substr(begin).starts_with("${"))
      continue;
    cover(shown, begin, line.find_first_of("\"',}#", begin));
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

// One code point each, small, with `_` between the words: maxRetries and MAX-RETRIES are
// max_retries.
std::u32string folded(std::string_view text) {
  std::u32string points;
  bool was_small = false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0) == 0x80 && !points.empty()) {
      points.back() = points.back() << 6 | (byte & 0x3f);
      continue;
    }
    const bool is_capital = c >= 'A' && c <= 'Z';
    if (is_capital && was_small) points += U'_';
    was_small = c >= 'a' && c <= 'z';
    points += c == '-' || c == ' ' ? U'_' : is_capital ? byte + 32U : byte;
  }
  return points;
}

// Characters to be added, taken away, replaced, or changed with their neighbour.
std::size_t distance(const std::u32string& a, const std::u32string& b) {
  std::vector<std::size_t> before;
  std::vector<std::size_t> above(b.size() + 1);
  std::iota(above.begin(), above.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::vector<std::size_t> row{i};
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row.push_back(std::min({above[j] + 1, row[j - 1] + 1, replaced}));
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = std::exchange(above, std::move(row));
  }
  return above[b.size()];
}

}  // namespace

std::string Mistake::summary() const {
  std::string all = to_string();
  return all.substr(0, all.find('\n'));
}

std::string Mistake::to_string() const {
  const std::string what = printable(message);
  if (!mark.source) return what + '\n';
  if (mark.line == 0) return mark.source->name + ": " + what + '\n';
  const std::string line = without_secrets(mark.source->line(mark.line));
  const auto bytes = static_cast<std::size_t>(std::max(mark.column, 1)) - 1;
  const std::size_t before =
      characters(std::string_view(line).substr(0, bytes)) + (bytes > line.size() ? 1 : 0);
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
  all_.push_back({mark, hidden_.without(mark, std::move(message))});
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
  if (word.size() > longest_word) return {};
  const std::u32string meant = folded(word);
  const std::size_t size = meant.size();
  // Of short words less may differ, or anything would be meant.
  std::size_t least = size <= 3 ? std::max<std::size_t>(size, 1) - (size == 3)
                                : std::max<std::size_t>(2, size / 3) + 1;
  std::string_view best;
  for (const std::string_view candidate : candidates) {
    const std::u32string known = folded(candidate);
    if (std::max(size, known.size()) - std::min(size, known.size()) >= least) continue;
    const std::size_t d = distance(meant, known);
    if (d < least) {
      least = d;
      best = candidate;
    }
  }
  return best;
}

std::string listed(const std::vector<std::string_view>& words) {
  std::string list;
  for (const std::string_view word : words) {
    if (!list.empty()) list += ", ";
    list += word;
  }
  return list;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates) {
  const std::string_view near = nearest(word, candidates);
  return near.empty() ? std::string() : ", did you mean \"" + std::string(near) + "\"?";
}

std::string meant_or_known(std::string_view word, const std::vector<std::string_view>& candidates) {
  std::string near = did_you_mean(word, candidates);
  return near.empty() && !candidates.empty() ? ": known are " + listed(candidates) : near;
}

std::string none_of(std::string_view word, const std::vector<std::string_view>& candidates) {
  return '"' + std::string(word) + "\" is not one of " + listed(candidates) +
         did_you_mean(word, candidates);
}

}  // namespace config
