#include "proxy/cli/admin_commands.hpp"
#include "proxy/cli/command.hpp"
#include "proxy/cli/commands.hpp"

namespace cli {
namespace {

constexpr std::size_t any = SIZE_MAX;
constexpr Option as_json = {"--json", "", "as JSON"};

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
      "Exit status: 0 valid, 1 invalid, or with --probe not reached, 2 misused.\n",
      check,
      {{"--probe", "", "also reach each endpoint, and the collector: resolve, connect, shake hands"},
       as_json}};
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
      version,   {as_json}};
}

Command explain_command() {
  return {
      "explain",
      "METHOD URL FILE",
      "say which way a request would take, and why",
      3,
      3,
      "METHOD, URL and FILE",
      "Says what FILE makes of a request: which listener and route take it and why no other\n"
      "does, the filters in the order in which they run with what is in force and where that is\n"
      "written (file:line, or default), and where it goes. URL may be a path alone. Nothing is\n"
      "connected to; what a listener's filter `headers` changes is not seen.\n"
      "Exit status: 0 a route takes it, 1 none does, or FILE is invalid, 2 misused.\n",
      explain,
      {{"--header", "'NAME: VALUE'", "of the request; several may be given", "-H"},
       {"--listener", "NAME", "of this listener alone"},
       as_json}};
}

Command simulate_command() {
  return {
      "simulate",
      "FILE",
      "say what FILE's policies would do, in virtual time",
      0,
      1,
      "one FILE",
      "Runs the filters, balancers and pools of FILE in virtual time against endpoints that exist\n"
      "there alone, and says by route what was offered, admitted, refused and why, retried and\n"
      "answered, how long it took, what reached the endpoints, and when breakers changed. Nothing\n"
      "is bound or connected to. A scenario (YAML; --keys lists what it may say) describes the\n"
      "requests, the services and what goes wrong when; --log takes requests, times and failures\n"
      "from a recorded access log instead. The same seed gives the same output. Time has steps\n"
      "of a millisecond; bodies are empty; `health` is not asked; listeners' `tls` is left out.\n"
      "Of a log each second's failures come back in the shares that they had, which is not all:\n"
      "of several attempts only the last is known, a connect failure counts as a request that\n"
      "was sent, after the last request nothing fails, and `grpc_status` is left out.\n"
      "With --without, --json prints one array: FILE as it is, and each that lacks a filter.\n"
      "Exit status: 0 done, 1 FILE or the scenario is invalid, 2 misused.\n",
      simulate,
      {{"--rate", "RATE", "requests of all clients, as in 200/s"},
       {"--for", "DURATION", "of virtual time, as in 60s"},
       {"--seed", "N", "of chance; default 1"},
       {"--sidecars", "N", "processes with FILE, among which requests are dealt out"},
       {"--scenario", "FILE", "what happens; options go before it"},
       {"--log", "ACCESS_LOG", "requests, times and failures as recorded, in JSON lines"},
       {"--without", "FILTER", "once more without this filter; several may be given"},
       {"--svg", "DIR", "draw it there"},
       {"--keys", "", "print every key of a scenario"},
       as_json}};
}

// Of a command that asks a running Outrider.
std::vector<Option> admin_options() {
  return {{"--admin", "ADDRESS",
           "ip:port or unix:/path; else what the file OUTRIDER_CONFIG says, or 127.0.0.1:15000"},
          {"--token", "FILE", "with its token; else what OUTRIDER_TOKEN holds"},
          as_json};
}

Command status_command() {
  return {"status",
          "",
          "show what a running Outrider does",
          0,
          0,
          "nothing more",
          "Shows on one screen what is there and how it goes: listeners, clusters with their\n"
          "endpoints and breakers, rates of one second by route, and the last failures.\n",
          status,
          admin_options()};
}

Command top_command() {
  return {"top",
          "",
          "show rates and times by route, live",
          0,
          0,
          "nothing more",
          "Shows requests and failures a second and the quantiles of their times, by route, each\n"
          "second anew until it is interrupted. Where no terminal is, once.\n",
          top,
          admin_options()};
}

Command tap_command() {
  return {
      "tap",
      "[EXPRESSION]",
      "show requests as they end",
      0,
      1,
      "at most one EXPRESSION, in quotation marks",
      "Shows each request of a running Outrider when it has ended, or those for which EXPRESSION\n"
      "holds: fields of the access log compared by == != < <= > >=, joined by and, or, not and\n"
      "brackets; a `*` at an end of a text stands for any. As in\n"
      "  outrider tap 'cluster == orders and (status == 5xx or ms.total > 1s)'\n"
      "  outrider tap 'path == /v2/* and not method == GET'\n",
      tap,
      admin_options()};
}

Command why_command() {
  return {
      "why",
      "[REQUEST_ID]",
      "tell why a request failed",
      0,
      1,
      "at most one REQUEST_ID",
      "Tells of a request that failed, was slow or was retried what became of each attempt, and\n"
      "which policy decided, with the place where that is written. The last 200 are kept;\n"
      "without REQUEST_ID they are listed, the latest first.\n",
      why,
      admin_options()};
}

Command breaker_command() {
  return {
      "breaker",
      "PLACE open|closed|auto",
      "open or close a circuit breaker by hand",
      2,
      2,
      "PLACE, and open, closed or auto",
      "Holds the breaker of PLACE, as `status` names it (\"cluster orders\"), open or closed, or\n"
      "leaves it to itself again.\n",
      breaker,
      admin_options(),
      "open closed auto"};
}

Command change_command(std::string_view name, std::string_view doc, std::string_view help,
                       int (*call)(const Call&)) {
  return {name, "", doc, 0, 0, "nothing more", help, call, admin_options()};
}

}  // namespace

const std::vector<Command>& commands() {
  static const std::vector<Command> all = {
      run_command(),
      check_command(),
      explain_command(),
      simulate_command(),
      defaults_command(),
      schema_command(),
      certs_command(),
      status_command(),
      top_command(),
      tap_command(),
      why_command(),
      breaker_command(),
      change_command("drain", "tell a running Outrider to end",
                     "What is under way may finish; see `drain` of the configuration.\n", drain),
      change_command("reload", "tell a running Outrider to read its FILE again",
                     "Says what is wrong with it, if it is not taken.\n", reload),
      change_command(
          "upgrade", "let the binary on disk take over",
          "Starts the binary and the FILE on disk, which takes the listening sockets; when it "
          "is\nready the old process ends. Says why, if it does not become ready.\n",
          upgrade),
      completion_command(),
      version_command(),
  };
  return all;
}

}  // namespace cli
