// The command line: tells the words apart and calls the command; nothing else.
#include "config/mistakes.hpp"
#include "proxy/commands.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

struct Command {
  std::string_view name;
  std::string_view arguments;
  std::string_view doc;
  std::size_t least, most;  // words that it takes
  std::string_view wanted;  // of those, for who gave others
  std::string_view help;
  int (*call)(const std::vector<std::string>& words);  // null: not yet in this version
  bool takes_command = false;  // behind `--`, another program's words: they come last
};

constexpr std::size_t any = SIZE_MAX;

constexpr Command commands_known[] = {
    {"run", "FILE [-- COMMAND ARGUMENT...]", "carry traffic as FILE says, until SIGTERM", 1, 1,
     "one FILE, and `--` in front of a command",
     "Reads FILE, binds its listeners and carries traffic. SIGTERM drains: what runs may end, "
     "what\n"
     "is new is refused; a second one ends at once. SIGHUP reads FILE again, and like SIGUSR1\n"
     "opens the logs again.\n"
     "COMMAND is the application: it is started behind the listeners (it finds their addresses as\n"
     "OUTRIDER_LISTENER_NAME in its environment), is told to end when inbound traffic has "
     "drained,\n"
     "and when it has ended so does this. The key `app` of FILE says the same and more.\n"
     "Exit status: the application's (128 + n after signal n); without one 0 ended as told. 1 FILE "
     "is\n"
     "invalid, or something could not be bound or started.\n",
     commands::run, true},
    {"check", "FILE", "say what is wrong with FILE", 1, 1, "one FILE, or - for standard input",
     "Reads FILE (- is standard input; paths in it are then relative to the working folder) with "
     "all\n"
     "that it names, and binds nothing. Says every mistake with its place, and warns of what "
     "hardly\n"
     "anybody means.\n"
     "Exit status: 0 valid, 1 invalid, 2 misused.\n",
     commands::check},
    {"defaults", "", "print every key, its default and what it is for", 0, 0, "nothing more",
     "Prints the whole language as a file: what may be written, and what is so unless it is.\n",
     commands::defaults},
    {"certs", "DIR NAME...", "make a development CA and a certificate for each NAME", 2, any,
     "a DIR and at least one NAME",
     "Makes a certificate authority in DIR, if none is there, and for each NAME a certificate and "
     "a\n"
     "key under it; NAME,NAME is one certificate for both, a name may be *.NAME, an IP address or\n"
     "spiffe://... For development: whoever can read DIR can impersonate every NAME.\n",
     commands::certs},
    {"version", "", "say which version this is", 0, 0, "nothing more", "Prints the version.\n",
     commands::version},
    {"schema", "", "", 0, any, "", "", nullptr},
    {"explain", "", "", 0, any, "", "", nullptr},
    {"completion", "", "", 0, any, "", "", nullptr},
    {"status", "", "", 0, any, "", "", nullptr},
    {"top", "", "", 0, any, "", "", nullptr},
    {"tap", "", "", 0, any, "", "", nullptr},
    {"why", "", "", 0, any, "", "", nullptr},
    {"breaker", "", "", 0, any, "", "", nullptr},
    {"drain", "", "", 0, any, "", "", nullptr},
    {"reload", "", "", 0, any, "", "", nullptr},
    {"upgrade", "", "", 0, any, "", "", nullptr},
    {"simulate", "", "", 0, any, "", "", nullptr},
};

std::string called(const Command& command) {
  return std::string(command.name) + (command.arguments.empty() ? "" : " ") +
         std::string(command.arguments);
}

std::string usage() {
  std::string text = "outrider - a Layer-7 sidecar proxy\n\n";
  for (const Command& command : commands_known) {
    if (!command.call) continue;
    std::string line = "  outrider " + called(command);
    line.resize(std::max<std::size_t>(line.size() + 2, 32), ' ');
    text += line.append(command.doc) + '\n';
  }
  return text + "\nEach takes --help.\n";
}

int misuse(const std::string& what, const std::string& help) {
  std::fprintf(stderr, "outrider: %s\n\n%s", what.c_str(), help.c_str());
  return commands::misused;
}

int show(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  return commands::done;
}

bool asks_for_help(const std::string& word) {
  return word == "--help" || word == "-h";
}

// Whatever begins with a dash and is none of "-" and "--".
bool is_option(const std::string& word) {
  return word.size() > 1 && word.starts_with('-') && word != "--";
}

const Command* find(std::string_view name) {
  for (const Command& command : commands_known)
    if (command.name == name) return &command;
  return nullptr;
}

std::string unknown(const std::string& name) {
  std::vector<std::string_view> names = {"help"};
  for (const Command& command : commands_known)
    if (command.call) names.push_back(command.name);
  return "unknown command \"" + name + '"' + config::did_you_mean(name, names);
}

// Takes what stands behind `--` out of the words.
std::vector<std::string> taken_from(std::vector<std::string>& words) {
  const auto dashes = std::find(words.begin(), words.end(), "--");
  std::vector<std::string> behind(dashes == words.end() ? dashes : dashes + 1, words.end());
  words.erase(dashes, words.end());
  return behind;
}

int call(const Command& command, std::vector<std::string> words) {
  const bool has_dashes = std::find(words.begin(), words.end(), "--") != words.end();
  const std::vector<std::string> other =
      command.takes_command ? taken_from(words) : std::vector<std::string>();
  const std::string help = "outrider " + called(command) + '\n';
  if (std::any_of(words.begin(), words.end(), asks_for_help))
    return show(help + '\n' + std::string(command.help));
  if (const auto option = std::find_if(words.begin(), words.end(), is_option);
      option != words.end())
    return misuse("unknown option " + *option + config::did_you_mean(*option, {"--help"}), help);
  std::erase(words, "--");
  if (words.size() < command.least || words.size() > command.most)
    return misuse(std::string(command.name) + " takes " + std::string(command.wanted), help);
  if (command.takes_command && has_dashes && other.empty())
    return misuse("a command is missing behind `--`", help);
  words.insert(words.end(), other.begin(), other.end());
  return command.call(words);
}

int dispatch(std::vector<std::string> words) {
  if (words.empty()) return misuse("a command is missing", usage());
  std::string name = words.front();
  words.erase(words.begin());
  if (asks_for_help(name) || (name == "help" && words.empty())) return show(usage());
  if (name == "help") {
    name = std::exchange(words, {"--help"}).front();
  } else if (name == "--version") {
    name = "version";
  }
  const Command* command = find(name);
  if (!command && is_option(name))
    return misuse("unknown option " + name + config::did_you_mean(name, {"--help", "--version"}),
                  usage());
  if (!command) return misuse(unknown(name), usage());
  if (!command->call) return misuse(name + ": not yet in this version", usage());
  return call(*command, std::move(words));
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return dispatch(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "outrider: %s\n", error.what());
    return commands::failed;
  }
}
