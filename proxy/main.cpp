// The command line: parse flags, load the configuration, run; nothing else.
#include "certs/authority.hpp"
#include "config/load.hpp"
#include "filters/registry.hpp"
#include "proxy/base/log.hpp"
#include "proxy/process/control.hpp"
#include "proxy/server/plan.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr int done = 0;
constexpr int failed = 1;
constexpr int misused = 2;

constexpr std::string_view usage =
    "outrider - a Layer-7 sidecar proxy\n"
    "\n"
    "  outrider run FILE             carry traffic as FILE says, until SIGTERM\n"
    "  outrider check FILE           say what is wrong with FILE: exit 0 valid, 1 invalid\n"
    "  outrider certs DIR NAME...    make a development CA and a certificate for each\n"
    "                                NAME (NAME,NAME: one for both; *.NAME, an IP, spiffe://...)\n"
    "  outrider version\n";

constexpr std::string_view later[] = {"defaults", "schema", "explain", "top",    "tap",
                                      "why",      "drain",  "reload",  "status", "completion"};

int misuse(const std::string& what) {
  std::fprintf(stderr, "outrider: %s\n\n%.*s", what.c_str(), static_cast<int>(usage.size()),
               usage.data());
  return misused;
}

void say(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
}

// running: what the plan is to take the place of; null = nothing.
server::Planned load_plan(const std::string& file, const server::Plan* running) {
  const config::Loaded loaded = config::load(file, filters::specs());
  if (loaded.config) return server::make_plan(loaded.config, running);
  server::Planned none;
  for (const config::Mistake& mistake : loaded.mistakes)
    none.problems.push_back(mistake.to_string());
  return none;
}

// Null after saying what is wrong.
std::unique_ptr<server::Plan> plan_of(const std::string& file) {
  server::Planned planned = load_plan(file, nullptr);
  for (const std::string& problem : planned.problems) say(problem);
  return std::move(planned.plan);
}

int check(const std::string& file) {
  const std::unique_ptr<server::Plan> plan = plan_of(file);
  if (!plan) return failed;
  for (const config::Mistake& warning : plan->warnings) say("warning: " + warning.to_string());
  std::printf("%s: valid\n", file.c_str());
  return done;
}

int run(const std::string& file) {
  std::unique_ptr<server::Plan> plan = plan_of(file);
  if (!plan) return failed;
  const config::LogSettings settings = plan->config->log;
  base::Result<base::LogFile> opened = base::LogFile::open(settings.to);
  if (!opened) {
    say("log: cannot open " + settings.to + ": " + opened.error().cause.message());
    return failed;
  }
  base::Log log(std::move(*opened), settings.level, settings.is_json);
  process::Control control(
      std::move(plan), [&file](const server::Plan& running) { return load_plan(file, &running); },
      log);
  control.handle_signals();
  const std::string problem = control.start();
  if (!problem.empty()) {
    log.error(problem);
    return failed;
  }
  control.run();
  return done;
}

int make_certificates(const std::vector<std::string>& words) {
  const std::vector<std::string> names(words.begin() + 2, words.end());
  const std::string problem = certs::make_development_certificates(words[1], names);
  if (problem.empty()) return done;
  say("certs: " + problem);
  return failed;
}

bool asks_for_help(const std::string& word) {
  return word == "--help" || word == "-h";
}

bool is_option(const std::string& word) {
  return word.size() > 1 && word.starts_with('-');
}

int help() {
  std::printf("%.*s", static_cast<int>(usage.size()), usage.data());
  return done;
}

int version() {
  std::printf("outrider %s\n", OUTRIDER_VERSION);
  return done;
}

int dispatch(const std::vector<std::string>& words) {
  if (words.empty()) return misuse("a command is missing");
  const std::string& command = words[0];
  if (command == "help" || std::any_of(words.begin(), words.end(), asks_for_help)) return help();
  const auto option = std::find_if(words.begin() + 1, words.end(), is_option);
  if (option != words.end()) return misuse("unknown option " + *option);
  if (command == "version" || command == "--version")
    return words.size() == 1 ? version() : misuse("version takes nothing more");
  if (command == "run" || command == "check") {
    if (words.size() != 2) return misuse(command + " takes one FILE");
    return command == "run" ? run(words[1]) : check(words[1]);
  }
  if (command == "certs")
    return words.size() < 3 ? misuse("certs takes a DIR and at least one NAME")
                            : make_certificates(words);
  for (const std::string_view known : later)
    if (command == known) return misuse(command + ": not yet in this version");
  return misuse("unknown command \"" + command + '"' +
                config::did_you_mean(command, {"run", "check", "certs", "version", "help"}));
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return dispatch(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "outrider: %s\n", error.what());
    return failed;
  }
}
