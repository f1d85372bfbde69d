#include "proxy/cli/command.hpp"
#include "proxy/cli/commands.hpp"

namespace cli {
namespace {

constexpr std::size_t any = SIZE_MAX;
constexpr Option json = {"--json", "", "as JSON"};

Command run_command() {
  return {
      "run",
      "FILE [-- COMMAND ARGUMENT...]",
      "carry traffic as FILE says, until SIGTERM",
      1,
      1,
      "one FILE, or - for standard input, and `--` in front of a command",
      "Reads FILE, binds its listeners and carries traffic. SIGTERM drains: what runs may end,\n"
      "what is new is refused; a second one ends at once. SIGHUP reads FILE again, and like\n"
      "SIGUSR1 opens the logs again. What came from standard input (-) cannot be read again.\n"
      "COMMAND is the application: it is started behind the listeners (it finds their addresses\n"
      "as OUTRIDER_LISTENER_NAME in its environment), is told to end when inbound traffic has\n"
      "drained, and when it has ended so does this. The key `app` of FILE says the same and\n"
      "more.\n"
      "Exit status: the application's (128 + n after signal n); without one 0 ended as told.\n"
      "1 FILE is invalid, or something could not be bound or started.\n",
      run,
      {},
      {},
      true};
}

Command check_command() {
  return {
      "check",
      "FILE",
      "say what is wrong with FILE",
      1,
      1,
      "one FILE, or - for standard input",
      "Reads FILE (- is standard input; paths in it are then relative to the working folder)\n"
      "with all that it names, and binds nothing. Says every mistake with its place, and warns\n"
      "of what hardly anybody means.\n"
      "Exit status: 0 valid, 1 invalid, 2 misused.\n",
      check,
      {json}};
}

Command defaults_command() {
  return {
      "defaults",
      "",
      "print every key, its default and what it is for",
      0,
      0,
      "nothing more",
      "Prints the whole language as a file: what may be written, and what is so unless it is.\n",
      defaults,
      {{"--markdown", "", "as a page with a table for each part"}}};
}

Command schema_command() {
  return {
      "schema",
      "",
      "print the language as a JSON Schema",
      0,
      0,
      "nothing more",
      "Prints a JSON Schema (2020-12) of the configuration, by which editors complete and check\n"
      "it. For the YAML plugin of VS Code write it to a file, and name that in the first line\n"
      "of the configuration: # yaml-language-server: $schema=outrider.schema.json\n",
      schema};
}

Command certs_command() {
  return {
      "certs",
      "DIR NAME...",
      "make a development CA and a certificate for each NAME",
      2,
      any,
      "a DIR and at least one NAME",
      "Makes a certificate authority in DIR, if none is there, and for each NAME a certificate\n"
      "and a key under it; NAME,NAME is one certificate for both, a name may be *.NAME, an IP\n"
      "address or spiffe://... For development: whoever can read DIR can impersonate every\n"
      "NAME.\n",
      certs};
}

Command completion_command() {
  return {"completion",
          "bash|zsh|fish",
          "print what completes these commands in a shell",
          1,
          1,
          "one of bash, zsh and fish",
          "Prints a script for that shell, as in\n"
          "  outrider completion bash >/etc/bash_completion.d/outrider\n"
          "  outrider completion zsh >\"${fpath[1]}/_outrider\"\n"
          "  outrider completion fish >~/.config/fish/completions/outrider.fish\n",
          completion,
          {},
          "bash zsh fish"};
}

Command version_command() {
  return {
      "version", "",    "say which version this is", 0, 0, "nothing more", "Prints the version.\n",
      version,   {json}};
}

Command later(std::string_view name) {
  return {name, "", "", 0, any, "", "", nullptr};
}

}  // namespace

const std::vector<Command>& commands() {
  static const std::vector<Command> all = {
      run_command(),     check_command(),      defaults_command(), schema_command(),
      certs_command(),   completion_command(), version_command(),  later("explain"),
      later("status"),   later("top"),         later("tap"),       later("why"),
      later("breaker"),  later("drain"),       later("reload"),    later("upgrade"),
      later("simulate"),
  };
  return all;
}

}  // namespace cli
