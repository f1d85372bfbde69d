// Reads the values of a configuration out of its tree, each by the type of its field; what cannot
// be read is reported and leaves the default.
#pragma once

#include "config/mistakes.hpp"
#include "config/node.hpp"
#include "config/values.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace config {

struct FilterSpec;

// What reading needs besides the node.
struct Reading {
  Mistakes& mistakes;
  const std::vector<const FilterSpec*>& filters;

  // What came from a file that is not to be shown is not, whatever a message would say of it; where
  // a variable stands, nothing is said that is made of its value.
  void mistake(const Node& node, Problem problem) const {
    if (node.is_failed) return;
    if (node.is_secret) problem = {"what " + node.written + " holds cannot stand here"};
    if (!node.has_variables()) problem.what += problem.instead;
    mistakes.add(node.mark, std::move(problem.what));
  }
  void mistake(const Node& node, std::string message) const {
    mistake(node, Problem{std::move(message)});
  }
};

std::string wrong_kind(const Node& node, std::string_view expected);

enum class Zero { allowed, refused };

// Null: a mistake was reported. The text is without control characters: it may reach header fields,
// logs and terminals.
const std::string* scalar_of(const Node& node, const Reading& reading, std::string_view expected);

template <typename T>
bool take(const Node& node, const Reading& reading, Parsed<T> (*parse)(std::string_view),
          std::string_view expected, T& into) {
  const std::string* text = scalar_of(node, reading, expected);
  if (!text) return false;
  Parsed<T> parsed = parse(*text);
  if (!parsed.value) {
    reading.mistake(node, {parsed.problem, parsed.instead});
    return false;
  }
  into = *parsed.value;
  return true;
}

void read_duration(const Node& node, const Reading& reading, Zero zero, base::Millis& into);
void read_size(const Node& node, const Reading& reading, Zero zero, std::uint64_t& into);
void read_integer(const Node& node, const Reading& reading, std::uint64_t least, std::uint64_t most,
                  std::uint64_t& into);
void read_rate(const Node& node, const Reading& reading, Rate& into);
void read_percentage(const Node& node, const Reading& reading, std::uint32_t& into);
void read_boolean(const Node& node, const Reading& reading, bool& into);
void read_text(const Node& node, const Reading& reading, std::string& into);
// One text or a list of them.
void read_texts(const Node& node, const Reading& reading, std::vector<std::string>& into);
void for_each_text(const Node& node, const Reading& reading,
                   const std::function<void(const Node& item, const std::string& text)>& visit);
// The index of the text among `words`.
void read_word(const Node& node, const Reading& reading, const std::vector<std::string_view>& words,
               const std::function<void(std::size_t)>& chosen);
// Says so at the node: known, but not built.
void not_yet(const Node& node, const Reading& reading, std::string_view what);

}  // namespace config
