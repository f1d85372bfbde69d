#include "proxy/cli/command_line.hpp"

#include "config/mistakes.hpp"
#include "proxy/cli/command.hpp"
#include "proxy/cli/commands.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace cli {
namespace {

constexpr Option help_option = {"--help", "", "say this", "-h"};

std::string called(const Command& command) {
  return std::string(command.name) + (command.arguments.empty() ? "" : " ") +
         std::string(command.arguments);
}

// `text`, blanks up to the column, and what it means.
std::string explained(std::string text, std::size_t column, std::string_view meaning) {
  text.resize(std::max(text.size() + 2, column), ' ');
  return text.append(meaning) += '\n';
}

std::string usage() {
  std::string text = "outrider - a Layer-7 sidecar proxy\n\n";
  for (const Command& command : commands())
    if (command.call) text += explained("  outrider " + called(command), 32, command.doc);
  return text + "\nEach takes --help.\n";
}

std::string written(const Option& option) {
  std::string text = "  ";
  if (!option.letter.empty()) text.append(option.letter) += ", ";
  text += option.name;
  return option.value.empty() ? text : text.append(" ").append(option.value);
}

std::string help_of(const Command& command) {
  std::string text = "outrider " + called(command) + "\n\n" + std::string(command.help);
  if (command.options.empty()) return text;
  text += '\n';
  for (const Option& option : command.options) text += explained(written(option), 26, option.doc);
  return text;
}

int misuse_with_help(const std::string& what, const std::string& help) {
  std::fprintf(stderr, "outrider: %s\n\n%s", what.c_str(), help.c_str());
  return misused;
}

int show(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  return done;
}

bool is_called(const Option& option, std::string_view word) {
  return word == option.name || (!option.letter.empty() && word == option.letter);
}

// Whatever begins with a dash and is none of "-" and "--".
bool is_option(const std::string& word) {
  return word.size() > 1 && word.starts_with('-') && word != "--";
}

const Command* find(std::string_view name) {
  for (const Command& command : commands())
    if (command.name == name) return &command;
  return nullptr;
}

std::string unknown(const std::string& name) {
  std::vector<std::string_view> names = {"help"};
  for (const Command& command : commands())
    if (command.call) names.push_back(command.name);
  return "unknown command \"" + name + '"' + config::did_you_mean(name, names);
}

std::string unknown_option(const Command& command, const std::string& word) {
  std::vector<std::string_view> names = {help_option.name};
  for (const Option& option : command.options) names.push_back(option.name);
  return "unknown option " + word + config::meant_or_known(word, names);
}

// Takes what stands behind `--` out of the words.
std::vector<std::string> taken_from(std::vector<std::string>& words) {
  const auto dashes = std::find(words.begin(), words.end(), "--");
  std::vector<std::string> behind(dashes == words.end() ? dashes : dashes + 1, words.end());
  words.erase(dashes, words.end());
  return behind;
}

// Options stand before, between and behind words; `--NAME=VALUE` is the same as two words. Behind
// `--` there are none. Returns what is wrong, or "".
std::string tell_apart(const Command& command, const std::vector<std::string>& given, Call& into) {
  bool may_be_options = true;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const std::string& word = given[i];
    if (may_be_options && word == "--") {
      may_be_options = false;
    } else if (!may_be_options || !is_option(word)) {
      into.words.push_back(word);
    } else {
      const std::size_t equals = word.starts_with("--") ? word.find('=') : word.npos;
      const std::string name = word.substr(0, equals);
      const auto known =
          std::find_if(command.options.begin(), command.options.end(),
                       [&](const Option& option) { return is_called(option, name); });
      if (known == command.options.end()) return unknown_option(command, name);
      const bool has_value = equals != word.npos;
      if (known->value.empty() && has_value) return name + " takes no value";
      if (!known->value.empty() && !has_value && i + 1 == given.size())
        return name + " takes a value: " + std::string(known->value);
      into.options.emplace_back(known->name, known->value.empty() ? std::string()
                                             : has_value          ? word.substr(equals + 1)
                                                                  : given[++i]);
    }
  }
  return {};
}

int call(const Command& command, std::vector<std::string> words) {
  const bool has_dashes = std::find(words.begin(), words.end(), "--") != words.end();
  const std::vector<std::string> other =
      command.takes_command ? taken_from(words) : std::vector<std::string>();
  const std::string help = "outrider " + called(command) + '\n';
  const auto end_of_options = std::find(words.begin(), words.end(), "--");
  if (std::any_of(words.begin(), end_of_options,
                  [](const std::string& word) { return is_called(help_option, word); }))
    return show(help_of(command));
  Call made;
  if (const std::string problem = tell_apart(command, words, made); !problem.empty())
    return misuse_with_help(problem, help);
  if (made.words.size() < command.least || made.words.size() > command.most)
    return misuse_with_help(std::string(command.name) + " takes " + std::string(command.wanted), help);
  if (command.takes_command && has_dashes && other.empty())
    return misuse_with_help("a command is missing behind `--`", help);
  made.words.insert(made.words.end(), other.begin(), other.end());
  return command.call(made);
}

}  // namespace

const std::string* Call::find(std::string_view option) const {
  for (auto each = options.rbegin(); each != options.rend(); ++each)
    if (each->first == option) return &each->second;
  return nullptr;
}

std::vector<std::string> Call::all(std::string_view option) const {
  std::vector<std::string> values;
  for (const auto& [name, value] : options)
    if (name == option) values.push_back(value);
  return values;
}

int dispatch(std::vector<std::string> words) {
  if (words.empty()) return misuse_with_help("a command is missing", usage());
  std::string name = words.front();
  words.erase(words.begin());
  if (is_called(help_option, name) || (name == "help" && words.empty())) return show(usage());
  if (name == "help") {
    name = std::exchange(words, {"--help"}).front();
  } else if (name == "--version") {
    name = "version";
  }
  const Command* command = find(name);
  if (!command && is_option(name))
    return misuse_with_help("unknown option " + name + config::did_you_mean(name, {"--help", "--version"}),
                  usage());
  if (!command) return misuse_with_help(unknown(name), usage());
  if (!command->call) return misuse_with_help(name + ": not yet in this version", usage());
  return call(*command, std::move(words));
}

}  // namespace cli
