#include "proxy/cli/completion.hpp"

#include "proxy/cli/command.hpp"

namespace cli {
namespace {

// For single quotation marks of a shell.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text)
    if (c == '\'')
      out += "'\\''";
    else
      out += c;
  return out;
}

std::string known_names() {
  std::string out = "help";
  for (const Command& command : commands())
    if (command.call) out.append(" ").append(command.name);
  return out;
}

std::string options_of(const Command& command) {
  std::string out = "--help";
  for (const Option& option : command.options) out.append(" ").append(option.name);
  return out;
}

// Of `_arguments`, which reads brackets and colons.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (const char c : escaped(text)) {
    if (c == '[' || c == ']' || c == ':') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string bash_completion() {
  std::string out =
      "_outrider() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} options= choices=\n"
      "  if [ \"$COMP_CWORD\" = 1 ]; then\n"
      "    COMPREPLY=($(compgen -W \"" +
      known_names() +
      " --help --version\" -- \"$word\"))\n"
      "    return\n"
      "  fi\n"
      "  case ${COMP_WORDS[1]} in\n"
      "    help) choices=\"" +
      known_names() + "\" ;;\n";
  for (const Command& command : commands()) {
    if (!command.call) continue;
    out.append("    ").append(command.name).append(") options=\"") += options_of(command) + '"';
    if (!command.choices.empty()) out.append(" choices=\"").append(command.choices) += '"';
    out += " ;;\n";
  }
  return out +
         "  esac\n"
         "  case $word in\n"
         "    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")) ;;\n"
         "    *) COMPREPLY=($(compgen -W \"$choices\" -- \"$word\"))\n"
         "       [ -n \"$choices\" ] || COMPREPLY=($(compgen -f -- \"$word\")) ;;\n"
         "  esac\n"
         "}\n"
         "complete -o filenames -F _outrider outrider\n";
}

std::string zsh_completion() {
  std::string out =
      "#compdef outrider\n"
      "local -a known\n"
      "known=(\n"
      "  'help:say what a command does'\n";
  for (const Command& command : commands())
    if (command.call)
      out.append("  '").append(command.name).append(":") += escaped(command.doc) + "'\n";
  out +=
      ")\n"
      "if (( CURRENT == 2 )); then\n"
      "  _describe command known\n"
      "  return\n"
      "fi\n"
      "case $words[2] in\n"
      "  help) _describe command known ;;\n";
  for (const Command& command : commands()) {
    if (!command.call) continue;
    out.append("  ").append(command.name).append(") _arguments '--help[say what it does]'");
    for (const Option& option : command.options) {
      out.append(" '").append(option.name).append("[") += zsh_text(option.doc) + ']';
      if (!option.value.empty()) out += ':' + zsh_text(option.value) + ":_files";
      out += '\'';
    }
    out.append(" '*:word:");
    out += command.choices.empty() ? "_files" : '(' + std::string(command.choices) + ')';
    out += "' ;;\n";
  }
  return out + "esac\n";
}

std::string fish_completion() {
  const std::string first = "complete -c outrider -n __fish_use_subcommand -f -a ";
  std::string out = first + "help -d 'say what a command does'\n" +
                    "complete -c outrider -n __fish_use_subcommand -l help -d 'say what there is'\n"
                    "complete -c outrider -n __fish_use_subcommand -l version -d 'say which it is'\n"
                    "complete -c outrider -n '__fish_seen_subcommand_from help' -f -a '" +
                    known_names() + "'\n";
  for (const Command& command : commands()) {
    if (!command.call) continue;
    out += first + std::string(command.name) + " -d '" + escaped(command.doc) + "'\n";
    const std::string within =
        "complete -c outrider -n '__fish_seen_subcommand_from " + std::string(command.name) + "'";
    out += within + " -l help -d 'say what it does'\n";
    for (const Option& option : command.options) {
      out += within + " -l " + std::string(option.name.substr(2));
      out += (option.value.empty() ? "" : " -r") + (" -d '" + escaped(option.doc)) + "'\n";
    }
    if (!command.choices.empty()) out += within + " -f -a '" + escaped(command.choices) + "'\n";
  }
  return out;
}

}  // namespace cli
