#include "proxy/cli/commands.hpp"

#include "certs/authority.hpp"
#include "config/defaults.hpp"
#include "config/load.hpp"
#include "config/reference.hpp"
#include "config/schema.hpp"
#include "filters/registry.hpp"
#include "proxy/base/heap.hpp"
#include "proxy/base/json.hpp"
#include "proxy/base/log.hpp"
#include "proxy/cli/completion.hpp"
#include "proxy/cli/listed_endpoints.hpp"
#include "proxy/cli/terminal.hpp"
#include "proxy/process/control.hpp"
#include "proxy/process/handover.hpp"
#include "proxy/process/probe.hpp"
#include "proxy/server/plan.hpp"

#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

namespace cli {
namespace {

constexpr const char* standard_input = "<stdin>";

void say(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
}

// running: what the plan is to take the place of; null = nothing.
server::Planned planned(const config::Loaded& loaded, const server::Plan* running) {
  if (loaded.config) return server::make_plan(loaded.config, running);
  server::Planned none;
  for (const config::Mistake& mistake : loaded.mistakes)
    none.problems.push_back(mistake.to_string());
  return none;
}

std::string joined(const std::vector<std::string>& problems) {
  std::string text;
  for (const std::string& problem : problems) text.append(text.empty() ? "" : "\n").append(problem);
  return text;
}

// Where it lies, whatever lies there later.
std::string own_binary() {
  std::error_code none;
  const std::filesystem::path path = std::filesystem::read_symlink("/proc/self/exe", none);
  return none ? "outrider" : path.string();
}

struct AppCommand {
  std::vector<std::string> command;  // empty = none is to run
  std::string problem;
};

// Of the configuration, or of the command line's words behind FILE.
AppCommand app_of(const std::vector<std::string>& words, const server::Plan& plan) {
  const std::vector<std::string> given(words.begin() + 1, words.end());
  if (!plan.config->app) return {given, {}};
  const std::vector<std::string>& written = plan.config->app->command;
  if (written.empty() && given.empty())
    return {{},
            words[0] +
                ": app: no command: write `command: [./server]`, or behind the file `-- "
                "./server`"};
  if (!written.empty() && !given.empty())
    return {{}, words[0] + ": app.command is written there and behind `--`: leave one of them out"};
  return {written.empty() ? given : written, {}};
}

// Paths in it are relative to the working folder.
config::Loaded load_standard_input() {
  const config::FileText text = config::read_file("/dev/stdin", config::most_bytes);
  if (text.problem.empty()) return config::load_text(standard_input, text.text, filters::specs());
  return {nullptr, {{{}, std::string("cannot read ") + standard_input + ": " + text.problem}}};
}

void write_mistake(base::JsonWriter& json, const config::Mistake& mistake) {
  json.open('{');
  if (mistake.mark.source) json.text("file", mistake.mark.source->name);
  if (mistake.mark.line > 0) {
    json.number("line", static_cast<std::uint64_t>(mistake.mark.line));
    json.number("column", static_cast<std::uint64_t>(mistake.mark.column));
  }
  json.text("message", mistake.message).close('}');
}

std::string probed_line(const process::Probed& probed) {
  const auto millis = [](base::Duration time) {
    return std::to_string(time / std::chrono::milliseconds{1}) + " ms";
  };
  std::string line =
      (probed.cluster.empty() ? "trace: " : "cluster " + probed.cluster + ": ") + probed.endpoint;
  if (!probed.address.empty() && probed.address != probed.endpoint) line += " at " + probed.address;
  if (!probed.problem.empty()) return line + ": " + probed.problem;
  line += ": connected in " + millis(probed.connected_in);
  if (probed.tls_took != base::Duration::zero()) line += ", of that TLS " + millis(probed.tls_took);
  return probed.protocol.empty() ? line : line + ", speaks " + probed.protocol;
}

// Whether each was reached.
bool probe(const server::Plan& plan, base::JsonWriter* json) {
  bool is_well = true;
  process::probe(plan, [&](const process::Probed& probed) {
    is_well = is_well && probed.problem.empty();
    if (!json) return print(probed_line(probed) + '\n');
    json->open('{');
    json->text("kind", probed.cluster.empty() ? "collector" : "endpoint");
    if (!probed.cluster.empty()) json->text("cluster", probed.cluster);
    json->text("endpoint", probed.endpoint);
    if (!probed.address.empty()) json->text("address", probed.address);
    if (!probed.problem.empty()) json->text("problem", probed.problem);
    if (!probed.protocol.empty()) json->text("protocol", probed.protocol);
    json->close('}');
  });
  return is_well;
}

// To start with. A list of endpoints that is broken is a mistake like any other, as nothing is in
// force that could stay; one that is not there may come.
server::Planned planned_to_start(const config::Loaded& loaded) {
  server::Planned made = planned(loaded, nullptr);
  if (made.plan) made.problems = listed_endpoints(*made.plan->config).problems;
  if (!made.problems.empty()) made.plan.reset();
  return made;
}

// As run would find it, and what it would have to wait for.
server::Planned checked(const config::Loaded& loaded) {
  server::Planned made = planned_to_start(loaded);
  if (!made.plan) return made;
  const ListedEndpoints lists = listed_endpoints(*made.plan->config);
  std::vector<config::Mistake>& warnings = made.plan->warnings;
  warnings.insert(warnings.end(), lists.warnings.begin(), lists.warnings.end());
  return made;
}

// What is found out about what the file names is told as a text with its place.
int check_as_json(const std::string& file, const config::Loaded& loaded, bool is_probed) {
  server::Planned made;
  if (loaded.config) made = checked(loaded);
  base::JsonWriter json;
  json.open('{').text("file", file).boolean("valid", made.plan != nullptr);
  json.key("problems").open('[');
  for (const config::Mistake& mistake : loaded.mistakes) write_mistake(json, mistake);
  for (const std::string& problem : made.problems)
    json.open('{').text("message", problem).close('}');
  json.close(']').key("warnings").open('[');
  if (made.plan)
    for (const config::Mistake& warning : made.plan->warnings) write_mistake(json, warning);
  json.close(']');
  bool is_well = made.plan != nullptr;
  if (is_well && is_probed) {
    json.key("probed").open('[');
    is_well = probe(*made.plan, &json);
    json.close(']');
  }
  print(json.close('}').take());
  return is_well ? done : failed;
}

config::Loaded load(const std::string& file) {
  return file == "-" ? load_standard_input() : config::load(file, filters::specs());
}

}  // namespace

int check(const Call& call) {
  const std::string& file = call.words[0];
  const std::string shown = file == "-" ? standard_input : file;
  const config::Loaded loaded = load(file);
  if (call.has("--json")) return check_as_json(shown, loaded, call.has("--probe"));
  const server::Planned made = checked(loaded);
  if (!made.plan) say(joined(made.problems));
  if (!made.plan) return failed;
  for (const config::Mistake& warning : made.plan->warnings) say("warning: " + warning.to_string());
  print(shown + ": valid\n");
  return call.has("--probe") && !probe(*made.plan, nullptr) ? failed : done;
}

int misuse(const std::string& what) {
  std::fprintf(stderr, "outrider: %s\n", what.c_str());
  return misused;
}

int run(const Call& call) {
  base::join_freed_memory_at_once();  // a generation is freed in many turns, and none pays for all
  const std::vector<std::string>& words = call.words;
  const bool is_piped = words[0] == "-";
  process::Inheritance inherited = process::inheritance();
  const auto fail = [&inherited](const std::string& why) {
    say(why);
    if (inherited.predecessor) process::say_why_not(inherited.predecessor.number(), why);
    return failed;
  };
  if (!inherited.problem.empty()) return fail(inherited.problem);
  server::Planned made = planned_to_start(load(words[0]));
  if (!made.plan) return fail(joined(made.problems));
  std::unique_ptr<server::Plan> plan = std::move(made.plan);
  const AppCommand app = app_of(words, *plan);
  if (!app.problem.empty()) return fail(app.problem);
  const config::LogSettings settings = plan->config->log;
  base::Result<base::LogFile> opened = base::LogFile::open(settings.to);
  if (!opened)
    return fail(plan->config->shown(settings.places, "log: cannot open " + settings.to + ": " +
                                                         opened.error().cause.message()));
  base::Log log(std::move(*opened), settings.level, settings.is_json);
  const auto read_again = [&words, is_piped](const server::Plan& running) {
    if (!is_piped) return planned(config::load(words[0], filters::specs()), &running);
    server::Planned none;
    none.problems.push_back(
        "the configuration came from standard input, which cannot be read twice: restart instead");
    return none;
  };
  const int to_predecessor = inherited.predecessor.number();
  process::Control control(std::move(plan), read_again, log);
  control.handle_signals();
  control.inherit(std::move(inherited));
  if (!is_piped) control.can_be_replaced_by({own_binary(), "run", words[0]});
  if (!app.command.empty()) control.run_app(app.command);
  const std::string problem = control.start();
  if (problem.empty()) return control.run();
  log.error_in_lines(problem);
  if (to_predecessor >= 0) process::say_why_not(to_predecessor, problem);
  return failed;
}

int defaults(const Call& call) {
  print(call.has("--markdown") ? config::print_reference(filters::specs())
                               : config::print_defaults(filters::specs()));
  return done;
}

int schema(const Call&) {
  print(config::print_schema(filters::specs()));
  return done;
}

int completion(const Call& call) {
  const std::string& shell = call.words[0];
  if (shell != "bash" && shell != "zsh" && shell != "fish") {
    say("outrider: there is no completion for \"" + shell + "\": one of bash, zsh and fish");
    return misused;
  }
  print(shell == "bash"  ? bash_completion()
        : shell == "zsh" ? zsh_completion()
                         : fish_completion());
  return done;
}

int certs(const Call& call) {
  const std::vector<std::string>& words = call.words;
  const std::vector<std::string> names(words.begin() + 1, words.end());
  const std::string problem = ::certs::make_development_certificates(words[0], names);
  if (problem.empty()) return done;
  say("certs: " + problem);
  return failed;
}

int version(const Call& call) {
  print(call.has("--json")
            ? base::JsonWriter().open('{').text("version", OUTRIDER_VERSION).close('}').take()
            : "outrider " OUTRIDER_VERSION "\n");
  return done;
}

}  // namespace cli
