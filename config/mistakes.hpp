// Where something stands in a file, and what is wrong there. All mistakes of a configuration are
// collected and shown together.
#pragma once

#include "config/hidden.hpp"
#include "config/source.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace config {

struct Mistake {
  Mark mark;
  std::string message;
  // "file:line:column: message", the line, a caret. Columns count characters.
  std::string to_string() const;
  std::string summary() const;  // its first line
};

// What is wrong with a text of a file, and what to write instead of it. The first shows the text as
// a whole or not at all; the second is made of it.
struct Problem {
  std::string what;
  std::string instead{};

  bool empty() const { return what.empty(); }
};

class Mistakes {
 public:
  static constexpr std::size_t most =
      1000;  // the rest are counted: a bomb must not become a longer one

  void add(const Mark& mark, std::string message);
  void hide(const std::string& secret) { hidden_.add(secret); }
  void hide(const Mark& mark, const std::string& value, const std::string& shown) {
    hidden_.add(mark, value, shown);
  }
  const Hidden& hidden() const { return hidden_; }
  bool empty() const { return all_.empty(); }
  bool is_full() const { return all_.size() >= most; }
  // In the order of the files' lines, doubles left out.
  std::vector<Mistake> sorted() const;

 private:
  std::vector<Mistake> all_;
  Hidden hidden_;
  std::size_t further_ = 0;
};

// The candidate that `word` was probably meant to be; "" = none is near.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates);
// "a, b, c".
std::string listed(const std::vector<std::string_view>& words);
// `, did you mean "x"?` or "".
std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates);
// The same, or else what there is: ": known are a, b".
std::string meant_or_known(std::string_view word, const std::vector<std::string_view>& candidates);
// `"x" is not one of a, b, c`, and what was probably meant.
std::string none_of(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace config
