#include "config/yaml_fault.hpp"

#include "proxy/base/ascii.hpp"

#include <algorithm>
#include <optional>
#include <vector>

namespace config {
namespace {

bool is_key_character(char c) {
  return base::is_alpha(c) || base::is_digit(c) || c == '_' || c == '-';
}

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

std::size_t indentation(std::string_view line) {
  return std::min(line.find_first_not_of(' '), line.size());
}

// The line without its indentation and the dashes of lists.
std::string_view content(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  while (line.starts_with("- ")) {
    line.remove_prefix(2);
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  }
  return line;
}

bool says_nothing(std::string_view line) {
  const std::string_view text = content(line);
  return text.empty() || text.starts_with('#');
}

// Looks at the text as the grammar does, but line by line, as people write.
class Reader {
 public:
  explicit Reader(std::shared_ptr<const Source> source) : source_(std::move(source)) {}

  // The first that nobody means to write; none = the text is well formed as far as is seen here.
  std::optional<Mistake> first_fault() {
    for (line_ = 1; line_ <= lines(); ++line_) {
      text_ = source_->line(line_);
      if (is_in_literal()) continue;
      if (auto fault = fault_of_line()) return fault;
    }
    if (open_.empty()) return std::nullopt;
    return never_closed(open_.back());
  }

 private:
  int lines() const {
    return static_cast<int>(std::count(source_->text.begin(), source_->text.end(), '\n')) + 1;
  }

  Mistake at(std::size_t offset, std::string message) const {
    return {{source_, line_, static_cast<int>(offset) + 1}, std::move(message)};
  }

  Mistake never_closed(const Mark& mark) const {
    const std::string bracket(source_->from(mark).substr(0, 1));
    return {mark, "this `" + bracket + "` is never closed: `" + (bracket == "{" ? "}" : "]") +
                      "` is missing"};
  }

  // Text behind `|` or `>`: whatever is indented more.
  bool is_in_literal() {
    if (!literal_ || says_nothing(text_)) return literal_.has_value();
    if (indentation(text_) > *literal_) return true;
    literal_.reset();
    return false;
  }

  std::optional<Mistake> fault_of_line() {
    const std::size_t begin = std::min(text_.find_first_not_of(" \t"), text_.size());
    const std::size_t tab = text_.substr(0, begin).find('\t');
    if (tab != text_.npos && begin < text_.size() && text_[begin] != '#' && open_.empty())
      return at(tab, "a tab cannot indent: write blanks instead");
    for (std::size_t i = begin; i < text_.size(); ++i) {
      const char c = text_[i];
      if (c == '#' && (i == 0 || is_blank(text_[i - 1]))) break;
      if (auto fault = odd_blank(i)) return fault;
      const bool begins = begins_value(i);
      if (begins && (c == '"' || c == '\'')) {
        if (auto fault = quoted(i)) return fault;
      } else if ((begins || !open_.empty()) && (c == '{' || c == '[')) {
        open_.push_back({source_, line_, static_cast<int>(i) + 1});
      } else if (!open_.empty() && (c == '}' || c == ']')) {
        if ((source_->from(open_.back())[0] == '{') != (c == '}'))
          return never_closed(open_.back());
        open_.pop_back();
      } else if (begins && open_.empty() && (c == '|' || c == '>')) {
        literal_ = indentation(text_);
        break;
      }
    }
    return std::nullopt;
  }

  // U+00A0, U+2000 to U+200B, U+3000, U+FEFF look like a blank, or like nothing.
  std::optional<Mistake> odd_blank(std::size_t i) const {
    const std::string_view rest = text_.substr(i, 3);
    const bool is_one = rest.starts_with("\xc2\xa0") || rest == "\xe3\x80\x80" ||
                        rest == "\xef\xbb\xbf" ||
                        (rest.starts_with("\xe2\x80") && rest.size() == 3 &&
                         static_cast<unsigned char>(rest[2]) <= 0x8b);
    if (!is_one) return std::nullopt;
    return at(i, "this looks like a blank but is another character: write a blank instead");
  }

  // Whether a value or a key can begin there.
  bool begins_value(std::size_t i) const {
    const std::size_t before = i == 0 ? text_.npos : text_.find_last_not_of(" \t", i - 1);
    if (before == text_.npos) return true;
    const char c = text_[before];
    if (c == '{' || c == '[' || c == ',') return !open_.empty() || c != ',';
    return before + 1 < i && (c == ':' || (c == '-' && content(text_.substr(0, i)).empty()));
  }

  // Leaves `i` at the closing mark.
  std::optional<Mistake> quoted(std::size_t& i) const {
    const std::size_t open = i;
    const char quote = text_[open];
    for (++i; i < text_.size(); ++i) {
      if (quote == '"' && text_[i] == '\\') {
        ++i;
      } else if (text_[i] == quote) {
        if (quote == '"' || text_.substr(i + 1, 1) != "'") return behind_quoted(open, i);
        ++i;
      }
    }
    return at(open, std::string("this quotation mark is not closed in its line: ") + quote +
                        " is missing");
  }

  std::optional<Mistake> behind_quoted(std::size_t open, std::size_t close) const {
    const std::size_t next = text_.find_first_not_of(" \t", close + 1);
    if (next == text_.npos || std::string_view(",]}:#").find(text_[next]) != std::string_view::npos)
      return std::nullopt;
    if (text_[open] == '\'')
      return at(close,
                "the quoted text ends here, and more follows: within '...' the mark itself is "
                "written twice");
    return at(close,
              "the quoted text ends here, and more follows: within \"...\" the mark itself is "
              "written \\\"");
  }

  std::shared_ptr<const Source> source_;
  int line_ = 1;
  std::string_view text_;
  std::vector<Mark> open_;              // brackets
  std::optional<std::size_t> literal_;  // the indentation of the line that began one
};

// In the last line up to the place where something stands: what looks fine and is not.
std::optional<Mistake> fault_near(const Mark& found) {
  for (int number = found.line; number > 0 && number >= found.line - 1; --number) {
    const std::string_view line = found.source->line(number);
    const std::string_view text = content(line);
    const auto column = static_cast<int>(line.size() - text.size()) + 1;
    const Mark mark{found.source, number, column};
    if (const std::string written = with_blank(text); !written.empty())
      return Mistake{mark, "a blank is missing behind the colon: write `" + written + '`'};
    if (text.size() > 1 && text[0] == '-' && base::is_alpha(text[1]))
      return Mistake{mark, "a blank is missing behind the dash: write `- " +
                               std::string(text.substr(1)) + '`'};
  }
  return std::nullopt;
}

// `body: blocked: by policy`: the value, if it is plain and holds another colon with a blank.
std::optional<Mistake> colon_in_text(const Mark& found) {
  const std::string_view line = found.source->line(found.line);
  const auto at = std::min(static_cast<std::size_t>(found.column), line.size());
  const std::size_t second = line.substr(0, at).rfind(':');
  if (second == line.npos || second == 0) return std::nullopt;
  const std::size_t first = line.rfind(": ", second - 1);
  if (first == line.npos) return std::nullopt;
  const std::size_t begin = line.find_first_not_of(' ', first + 1);
  if (begin == line.npos || begin >= second || line[begin] == '"' || line[begin] == '\'' ||
      line.substr(begin, second - begin).find_first_of("{}[],") != line.npos)
    return std::nullopt;
  const std::size_t end = std::min(line.find_first_of(",}#", second), line.size());
  std::string value(line.substr(begin, end - begin));
  while (value.ends_with(' ')) value.pop_back();
  return Mistake{{found.source, found.line, static_cast<int>(begin) + 1},
                 "text that holds a colon and a blank needs quotes: write \"" + value + '"'};
}

// A line that stands below none of those above it.
std::optional<Mistake> indented_alone(const Mark& found) {
  std::vector<std::size_t> levels;
  for (int number = 1; number <= found.line; ++number) {
    const std::string_view line = found.source->line(number);
    if (says_nothing(line)) continue;
    const std::size_t here = indentation(line);
    std::size_t left = 0;
    while (!levels.empty() && levels.back() > here) left = levels.back(), levels.pop_back();
    const bool is_alone = left > 0 && (levels.empty() || levels.back() < here);
    if (is_alone && number == found.line) {
      const std::string outer = levels.empty() ? "0" : std::to_string(levels.back());
      return Mistake{{found.source, number, static_cast<int>(here) + 1},
                     "this line is indented by " + std::to_string(here) +
                         ", and no line above it that it could belong to: write " +
                         std::to_string(left) + " or " + outer + " blanks"};
    }
    if (levels.empty() || levels.back() < here) levels.push_back(here);
    const std::size_t inner = line.size() - content(line).size();
    if (inner > here) levels.push_back(inner);
  }
  return std::nullopt;
}

// A line indented more than the one above, whose key has a value already.
std::optional<Mistake> indented_below_value(const Mark& found) {
  int above = found.line - 1;
  while (above > 0 && says_nothing(found.source->line(above))) --above;
  const std::string_view line = found.source->line(found.line);
  const std::string_view upper = found.source->line(above);
  const std::size_t here = indentation(line);
  const std::size_t inner = upper.size() - content(upper).size();
  if (above == 0 || here <= inner || upper.ends_with(':')) return std::nullopt;
  return Mistake{{found.source, found.line, static_cast<int>(here) + 1},
                 "this line is indented by " + std::to_string(here) +
                     ", and the line above it by " + std::to_string(inner) +
                     " has a value already: write " + std::to_string(inner) + " blanks"};
}

// For the parser's terse words.
std::string remark_on(const std::string& words, const Mark& mark) {
  const auto says = [&](std::string_view part) { return words.find(part) != words.npos; };
  if (mark.begins_with('*') || says("referenced anchor"))
    return "no anchor of this name stands above; text that begins with `*` needs quotes";
  if (says("unknown token"))
    return "text that begins with one of [ { * & ! % @ ? ` or, within braces, holds one of them "
           "needs quotes";
  if (says("flow") || says("illegal map value"))
    return "this is not YAML: text with `{`, `}` or `: ` inside braces needs quotes (" + words +
           ")";
  return "this is not YAML: " + words;
}

}  // namespace

std::string with_blank(std::string_view text) {
  std::size_t colon = 0;
  while (colon < text.size() && is_key_character(text[colon])) ++colon;
  const std::string_view rest = text.substr(std::min(colon + 1, text.size()));
  const bool is_key =
      colon > 0 && base::is_alpha(text[0]) && colon < text.size() && text[colon] == ':';
  if (!is_key || rest.empty() || is_blank(rest[0]) || rest.starts_with("//")) return {};
  const bool is_host_and_port = base::is_digit(rest[0]);
  if (is_host_and_port || rest.find(": ") != rest.npos) return {};
  return std::string(text.substr(0, colon + 1)) + ' ' + std::string(rest);
}

Mistake yaml_fault(const Mark& found, const std::string& words) {
  if (auto fault = Reader(found.source).first_fault()) return std::move(*fault);
  if (auto fault = fault_near(found)) return std::move(*fault);
  if (words.find("referenced anchor") == words.npos && words.find("unknown token") == words.npos) {
    if (auto fault = colon_in_text(found)) return std::move(*fault);
    if (auto fault = indented_alone(found)) return std::move(*fault);
    if (auto fault = indented_below_value(found)) return std::move(*fault);
  }
  return {found, remark_on(words, found)};
}

}  // namespace config
