// `outrider simulate FILE`: the words of the command line as a world, and what it came to.
#include "config/load.hpp"
#include "config/values.hpp"
#include "filters/registry.hpp"
#include "proxy/base/ascii.hpp"
#include "proxy/cli/commands.hpp"
#include "proxy/cli/listed_endpoints.hpp"
#include "proxy/simulate/recording.hpp"
#include "proxy/simulate/report.hpp"
#include "proxy/simulate/plot.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>

namespace cli {
namespace {

int refuse(const std::string& what) {
  return misuse("simulate: " + what);
}

int fail(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  return failed;
}

// What options say goes before what the scenario does. Returns what is wrong, or "".
template <typename T, typename U>
std::string read_option(const Call& call, std::string_view name,
                        config::Parsed<T> (*parse)(std::string_view), U& into) {
  const std::string* text = call.find(name);
  if (!text) return {};
  const config::Parsed<T> parsed = parse(*text);
  if (!parsed.value) return std::string(name) + ' ' + parsed.problem + parsed.instead;
  into = *parsed.value;
  return {};
}

std::string read_options(const Call& call, simulate::Scenario& scenario) {
  constexpr std::uint64_t most_sidecars = 100'000;
  for (const std::string& problem :
       {read_option(call, "--rate", config::parse_rate, scenario.rate),
        read_option(call, "--for", config::parse_duration, scenario.length),
        read_option(call, "--seed", config::parse_integer, scenario.seed),
        read_option(call, "--sidecars", config::parse_integer, scenario.sidecars)})
    if (!problem.empty()) return problem;
  if (scenario.length == base::Millis{0}) return "--for takes more than 0";
  if (scenario.sidecars == 0 || scenario.sidecars > most_sidecars)
    return "--sidecars takes 1 to " + std::to_string(most_sidecars);
  return {};
}

std::string in_lines(const std::vector<config::Mistake>& mistakes) {
  std::string text;
  for (const config::Mistake& mistake : mistakes)
    text.append(text.empty() ? "" : "\n").append(mistake.to_string());
  return text;
}

// Events that the world would never see. How long it is, options and logs say as well.
std::string find_late_events(const simulate::Scenario& scenario) {
  config::Mistakes mistakes;
  for (const simulate::Happening& event : scenario.happenings)
    if (!event.is_recorded() && event.at >= scenario.length)
      mistakes.add(event.mark, "this would begin when all is over, after " +
                                   config::duration_text(scenario.length) +
                                   ": write an earlier `at`, or a longer `for` of the whole");
  return in_lines(mistakes.sorted());
}

bool carries_requests(const config::Config& config) {
  return std::any_of(config.listeners.begin(), config.listeners.end(),
                     [](const config::Listener& each) { return each.carries_requests(); });
}

// Clusters have the endpoints that their files list now. Returns what is wrong, or "".
std::string read_listed_endpoints(config::Config& config) {
  ListedEndpoints lists = listed_endpoints(config);
  if (!lists.problems.empty()) return lists.problems.front();
  for (const config::Mistake& warning : lists.warnings)
    std::fprintf(stderr, "%s\n", warning.summary().c_str());
  for (config::Cluster& cluster : config.clusters) {
    if (!cluster.discovery || cluster.discovery->file.empty()) continue;
    const auto listed = lists.by_cluster.find(cluster.name);
    if (listed == lists.by_cluster.end()) {
      std::fprintf(stderr, "cluster %s: what its file would list counts as one endpoint here\n",
                   cluster.name.c_str());
      continue;
    }
    cluster.endpoints = std::move(listed->second);
    cluster.discovery.reset();
  }
  return {};
}

void tell_left_out(const std::string& log, const simulate::Recording& recording,
                   const config::Config& config) {
  if (recording.skipped > 0)
    std::fprintf(stderr, "%s: %lu lines hold no request and were left out\n", log.c_str(),
                 recording.skipped);
  if (recording.redirected == 0) return;
  std::string names;
  for (const std::string& name : recording.unknown_listeners)
    names.append(names.empty() ? "" : ", ").append(name);
  std::fprintf(stderr,
               "%s: %lu requests came by listeners that carry none in %s (%s): here they come by "
               "the first that does\n",
               log.c_str(), recording.redirected, config.file.c_str(), names.c_str());
}

// The configuration without filters of that name, wherever they stand.
config::Config without(const config::Config& config, const std::string& filter) {
  config::Config made = config;
  const auto thin = [&](config::Filters& filters) {
    std::erase_if(filters, [&](const auto& each) { return each.name == filter; });
  };
  for (config::Listener& listener : made.listeners) {
    thin(listener.filters);
    for (config::Route& route : listener.routes) thin(route.filters);
  }
  for (config::Cluster& cluster : made.clusters) thin(cluster.filters);
  return made;
}

// The names of filters that stand anywhere.
std::set<std::string> filters_in(const config::Config& config) {
  std::set<std::string> names;
  const auto add = [&](const config::Filters& filters) {
    for (const config::FilterConfig& each : filters) names.insert(each.name);
  };
  for (const config::Cluster& cluster : config.clusters) add(cluster.filters);
  for (const config::Listener& listener : config.listeners) {
    add(listener.filters);
    for (const config::Route& route : listener.routes) add(route.filters);
  }
  return names;
}

// One world, from its configuration to what is told of it.
class Run {
 public:
  Run(const Call& call, const config::Config& config, std::string name)
      : call_(call), config_(config), name_(std::move(name)) {}

  // What is wrong, or "".
  std::string go(simulate::Scenario scenario) {
    std::unique_ptr<simulate::Traffic> traffic;
    if (const std::string* log = call_.find("--log")) {
      simulate::Recording recording = simulate::read_recording(*log, config_, scenario);
      if (!recording.traffic) return recording.problem;
      if (!call_.has("--for"))
        scenario.length = std::chrono::ceil<base::Millis>(recording.length);
      tell_left_out(*log, recording, config_);
      traffic = std::move(recording.traffic);
    } else if (scenario.requests.empty() && simulate::ask_each_route(config_).empty()) {
      return config_.file +
             ": no route leads to a cluster by a path that can be guessed: say in a scenario "
             "which `requests` there are";
    }
    if (const std::string late = find_late_events(scenario); !late.empty()) return late;
    if (scenario.rate.count * 1'000 / static_cast<std::uint64_t>(scenario.rate.per.count()) >
        simulate::most_a_second)
      return "a rate of at most " + std::to_string(simulate::most_a_second) +
             "/s can be simulated";
    server::Planned planned = server::make_plan(simulate::made_virtual(config_, scenario));
    if (!planned.plan) return planned.problems.front();
    world_ = std::make_unique<simulate::World>(std::move(planned.plan), std::move(scenario),
                                               std::move(traffic));
    world_->run();
    return draw();
  }
  std::string text() const { return name_ + '\n' + simulate::report_text(*world_); }
  std::string json() const { return simulate::report_json(*world_); }

 private:
  std::string draw() const {
    const std::string* folder = call_.find("--svg");
    if (!folder) return {};
    std::string file = std::filesystem::path(call_.words[0]).stem().string();
    if (name_ != call_.words[0]) file += "-without-" + name_.substr(name_.rfind(' ') + 1);
    const std::filesystem::path path = std::filesystem::path(*folder) / (file + ".svg");
    std::error_code ignored;
    std::filesystem::create_directories(*folder, ignored);
    errno = 0;
    std::ofstream output(path);
    output << simulate::plot(*world_, name_);
    output.close();
    if (!output) return "cannot write " + path.string() + ": " + std::strerror(errno);
    std::fprintf(stderr, "drawn: %s\n", path.c_str());
    return {};
  }

  const Call& call_;
  const config::Config& config_;
  const std::string name_;
  std::unique_ptr<simulate::World> world_;
};

}  // namespace

int simulate(const Call& call) {
  if (call.has("--keys")) {
    const std::string keys = simulate::describe_scenario();
    std::fwrite(keys.data(), 1, keys.size(), stdout);
    return done;
  }
  if (call.words.empty()) return refuse("a FILE is missing");
  const config::Loaded loaded = config::load(call.words[0], filters::specs());
  if (!loaded.config) return fail(in_lines(loaded.mistakes));
  if (!carries_requests(*loaded.config))
    return fail(call.words[0] + ": no listener carries requests, which alone are simulated: not `tcp`, "
                                "not `udp`");
  config::Config config = *loaded.config;
  if (const std::string problem = read_listed_endpoints(config); !problem.empty())
    return fail(problem);
  simulate::ReadScenario read;
  if (const std::string* file = call.find("--scenario"))
    read = simulate::read_scenario(*file, config);
  if (!read.mistakes.empty()) return fail(in_lines(read.mistakes));
  if (const std::string problem = read_options(call, read.scenario); !problem.empty())
    return refuse(problem);
  if (call.has("--rate") && call.has("--log"))
    return refuse("--rate and --log exclude each other: the log says what came when");
  std::vector<config::Config> variants = {config};
  std::vector<std::string> names = {call.words[0]};
  const std::set<std::string> known = filters_in(config);
  for (const std::string& filter : call.all("--without")) {
    if (known.count(filter) == 0)
      return refuse("--without: no `" + filter + "` stands in " + call.words[0] +
                    config::meant_or_known(filter, {known.begin(), known.end()}));
    variants.push_back(without(config, filter));
    names.push_back(call.words[0] + " without " + filter);
  }
  const bool is_json = call.has("--json");
  std::string output;
  for (std::size_t i = 0; i < variants.size(); ++i) {
    Run run(call, variants[i], names[i]);
    if (const std::string problem = run.go(read.scenario); !problem.empty()) return fail(problem);
    if (i > 0) output += is_json ? "," : "\n";
    output += is_json ? run.json() : run.text();
  }
  if (is_json && variants.size() > 1) output = '[' + output + "]\n";
  std::fwrite(output.data(), 1, output.size(), stdout);
  return done;
}

}  // namespace cli
