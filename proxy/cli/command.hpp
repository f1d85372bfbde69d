// What a command of the command line is: its words, its options, what it is for and what it does.
// One table holds them all; usage, help, misuse and the shells' completions are made from it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cli {

struct Option {
  std::string_view name;   // "--json"
  std::string_view value;  // "ADDRESS"; "" = none behind it
  std::string_view doc;
  std::string_view letter{};  // "-H"; "" = none
};

// The words behind a command's name, options told apart.
struct Call {
  bool has(std::string_view option) const { return find(option) != nullptr; }
  // What was given last; null = it was not.
  const std::string* find(std::string_view option) const;
  std::vector<std::string> all(std::string_view option) const;

  std::vector<std::string> words;
  std::vector<std::pair<std::string_view, std::string>> options;
};

struct Command {
  std::string_view name;
  std::string_view arguments;
  std::string_view doc;
  std::size_t least, most;  // words that it takes
  std::string_view wanted;  // of those, for who gave others
  std::string_view help;
  int (*call)(const Call& call);  // null: not yet in this version
  std::vector<Option> options{};
  std::string_view choices{};  // of its last word, with blanks between; "" = a file or any
  bool takes_command = false;  // behind `--`, another program's words: they come last
};

const std::vector<Command>& commands();

}  // namespace cli
