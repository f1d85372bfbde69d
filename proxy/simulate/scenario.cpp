#include "proxy/simulate/scenario.hpp"

#include "config/defaults.hpp"
#include "config/parse.hpp"
#include "config/substitute.hpp"
#include "filters/registry.hpp"
#include "proxy/http/message.hpp"

#include <algorithm>
#include <array>

namespace simulate {
namespace {

using config::Field;
using config::Node;
using config::Reading;
using config::Table;
using config::Zero;

constexpr std::uint64_t many = 1'000'000;
constexpr std::array<std::string_view, 8> troubles = {"away",  "silent",     "slow",  "errors",
                                                      "pause", "cache_lost", "surge", "servers"};

void read_headers(const Node& node, const Reading& reading, Asked& into) {
  into.headers = config::parse_named_values(node, reading);
}

const Table<Asked>& asked_table() {
  using namespace config;
  static const Table<Asked> table = {
      text<Asked>("listener", &Asked::listener, "", "the first that takes requests, if absent"),
      text<Asked>("method", &Asked::method, "GET", "as in GET"),
      text<Asked>("host", &Asked::host, "simulated", "the host that is asked for"),
      text<Asked>("path", &Asked::path, "/", "with its query"),
      {"headers", "a map", "", "`{client}` in a value is the client's number", read_headers},
      integer<Asked>("weight", &Asked::weight, 1, many, "1", "its share among the requests"),
  };
  return table;
}

const Table<Cache>& cache_table() {
  using namespace config;
  static const Table<Cache> table = {
      integer<Cache>("miss", &Cache::miss, 1, 10'000, "5",
                     "what misses takes so many times as long"),
      integer<Cache>("warm_after", &Cache::warm_after, 1, many, "1000",
                     "answers for which their client still waited"),
  };
  return table;
}

const Table<ServiceRules>& service_table() {
  using namespace config;
  using Rules = ServiceRules;
  static const Table<Rules> table = {
      integer<Rules>("endpoints", &Rules::endpoints, 0, 1'000, "0",
                     "how many; 0 = as FILE has them, a name counting as one"),
      integer<Rules>("servers", &Rules::servers, 0, many, "0",
                     "requests that one endpoint works on at once; 0 = any number"),
      integer<Rules>("queue", &Rules::queue, 0, many, "10000",
                     "that wait there for a server; what is over is answered 503"),
      duration<Rules>("time", &Rules::time, "20ms", "to answer, on the average", Zero::refused),
      word<Rules>("spread", &Rules::spread, {"fixed", "uniform", "exponential", "heavy"},
                  "exponential", "of that time: none, half to one and a half, and longer tails"),
      nested<Rules>("cache", &Rules::cache, cache_table(),
                    "that `cache_lost` empties; absent = none"),
  };
  return table;
}

const Table<Happening>& happening_table() {
  using namespace config;
  using Event = Happening;
  static const Table<Event> table = {
      required(duration<Event>("at", &Event::at, "", "when, from the beginning")),
      duration<Event>("for", &Event::length, "0s", "how long; 0 = to the end"),
      required(word<Event>("what", &Event::what, {troubles.begin(), troubles.end()}, "",
                           "away: connections are refused; silent: nothing comes back; pause: all "
                           "work stands still")),
      text<Event>("service", &Event::service, "", "the cluster that it happens to; absent = all"),
      integer<Event>("endpoint", &Event::endpoint, 0, 1'000, "0", "which of its; 0 = all"),
      integer<Event>("factor", &Event::factor, 2, 10'000, "10",
                     "of `slow` and `surge`: so many times as long, or as many requests"),
      percentage<Event>("share", &Event::share, "100%", "of `errors`: of the answers"),
      integer<Event>("status", &Event::status, 400, 599, "503", "of `errors`"),
      integer<Event>("count", &Event::count, 1, many, "1", "of `servers`: so many from then on"),
  };
  return table;
}

// What has a meaning with some kinds of events only.
void check_happening(const Node& node, const Reading& reading, const Happening& event) {
  const auto needs = [&](std::string_view field, bool is_met, const char* what) {
    if (const Node* written = node.find(field); written && !is_met)
      reading.mistake(*written, "\"" + std::string(field) + "\" has a meaning only with " + what);
  };
  const Trouble what = event.what;
  needs("factor", what == Trouble::slow || what == Trouble::surge, "`what: slow` or `surge`");
  needs("share", what == Trouble::errors, "`what: errors`");
  needs("status", what == Trouble::errors, "`what: errors`");
  needs("count", what == Trouble::servers, "`what: servers`");
  for (const char* field : {"service", "endpoint"})
    needs(field, what != Trouble::surge, "what happens to services, which a `surge` does not");
  needs("for", what != Trouble::cache_lost, "what lasts: a lost cache becomes warm by answers");
  const Node* endpoint = node.find("endpoint");
  if (endpoint && event.endpoint > 0 && event.service.empty())
    reading.mistake(*endpoint, "of which service? Write `service: NAME` beside it");
}

template <typename Part>
void read_list(const Node& node, const Reading& reading, const Table<Part>& table,
               std::vector<Part>& into, void (*check)(const Node&, const Reading&, const Part&)) {
  if (!node.is_list()) return reading.mistake(node, config::wrong_kind(node, "a list"));
  for (const config::NodePtr& item : node.items) {
    Part& part = into.emplace_back();
    part.mark = item->mark;
    config::read_table(*item, reading, table, part);
    if (item->is_map()) check(*item, reading, part);
  }
}

void check_asked(const Node& node, const Reading& reading, const Asked& asked) {
  if (!asked.path.starts_with('/')) reading.mistake(node, "`path` begins with a slash");
}

void read_services(const Node& node, const Reading& reading, Scenario& into) {
  if (!node.is_map())
    return reading.mistake(node, config::wrong_kind(node, "a map of services"));
  for (const Node::Entry& entry : node.entries) {
    into.marks[entry.key] = entry.mark;
    if (!entry.value->is_null())
      config::read_table(*entry.value, reading, service_table(), into.services[entry.key]);
  }
}

template <typename Part>
Field<Scenario> list(std::string_view name, std::string_view doc, const Table<Part>& table,
                     std::vector<Part> Scenario::*member,
                     void (*check)(const Node&, const Reading&, const Part&)) {
  Field<Scenario> field{name, "a list of maps", "", doc,
                        [=, &table](const Node& node, const Reading& reading, Scenario& into) {
                          read_list(node, reading, table, into.*member, check);
                        }};
  field.rows = [&table] { return config::rows_of(table); };
  return field;
}

Field<Scenario> services() {
  Field<Scenario> field{"services", "a map", "", "by the cluster that they stand behind",
                        read_services};
  field.rows = [] { return config::rows_of(service_table()); };
  return field;
}

const Table<Scenario>& scenario_table() {
  using namespace config;
  static const Table<Scenario> table = {
      integer<Scenario>("seed", &Scenario::seed, 0, UINT32_MAX, "1", "of chance"),
      duration<Scenario>("for", &Scenario::length, "60s", "how long", Zero::refused),
      integer<Scenario>("sidecars", &Scenario::sidecars, 1, 100'000, "1",
                        "processes of Outrider, each with FILE and a state of its own"),
      integer<Scenario>("clients", &Scenario::clients, 0, many, "0",
                        "each of one sidecar; 0 = one of each"),
      rate<Scenario>("rate", &Scenario::rate, "100/s", "requests of all clients together"),
      word<Scenario>("arrivals", &Scenario::arrivals, {"poisson", "even", "together"}, "poisson",
                     "by chance, in equal steps, or all clients at the same moments"),
      duration<Scenario>("patience", &Scenario::patience, "0s",
                         "after which a client leaves; 0 = it waits"),
      duration<Scenario>("network", &Scenario::network, "1ms", "to an endpoint and back"),
      list("requests", "what is asked for; none = one for each route", asked_table(),
           &Scenario::requests, check_asked),
      services(),
      list("events", "what happens when", happening_table(), &Scenario::happenings,
           check_happening),
  };
  return table;
}

// What a scenario names is there.
class Validation {
 public:
  Validation(const config::Config& config, config::Mistakes& mistakes)
      : config_(config), mistakes_(mistakes) {}

  void check(const Scenario& scenario) {
    for (const auto& [name, mark] : scenario.marks) check_cluster(name, mark);
    for (const Happening& event : scenario.happenings) {
      check_cluster(event.service, event.mark);
      check_endpoint(scenario, event);
    }
    for (const Asked& asked : scenario.requests) check_listener(asked);
  }

 private:
  void check_cluster(const std::string& name, const config::Mark& mark) {
    if (name.empty() || config_.find_cluster(name)) return;
    std::vector<std::string_view> known;
    for (const config::Cluster& cluster : config_.clusters) known.push_back(cluster.name);
    mistakes_.add(mark, config_.file + " has no cluster \"" + name + "\"" +
                            config::meant_or_known(name, known));
  }
  void check_endpoint(const Scenario& scenario, const Happening& event) {
    const auto rules = scenario.services.find(event.service);
    const config::Cluster* cluster = config_.find_cluster(event.service);
    if (!cluster || event.endpoint == 0) return;
    const std::uint64_t known = rules != scenario.services.end() && rules->second.endpoints > 0
                                    ? rules->second.endpoints
                                    : endpoints_of(*cluster);
    if (event.endpoint > known)
      mistakes_.add(event.mark, "\"" + event.service + "\" has no endpoint " +
                                    std::to_string(event.endpoint) + ", only " +
                                    std::to_string(known));
  }
  void check_listener(const Asked& asked) {
    if (asked.listener.empty()) return;
    std::vector<std::string_view> known;
    for (const config::Listener& listener : config_.listeners) {
      if (listener.name == asked.listener && listener.carries_requests()) return;
      known.push_back(listener.name);
      if (listener.name == asked.listener)
        return mistakes_.add(asked.mark, "listener \"" + asked.listener + "\" of " + config_.file +
                                             " carries no requests, which alone are simulated");
    }
    mistakes_.add(asked.mark, config_.file + " has no listener \"" + asked.listener + "\"" +
                                  config::meant_or_known(asked.listener, known));
  }

  const config::Config& config_;
  config::Mistakes& mistakes_;
};

ReadScenario read_source(std::shared_ptr<const config::Source> source,
                         const config::Config& config, config::Mistakes& mistakes) {
  ReadScenario read;
  config::NodePtr root = source ? config::parse_yaml(source, mistakes) : nullptr;
  if (root) root = config::substitute(root, mistakes);
  if (root) {
    const std::vector<const config::FilterSpec*> filters;
    config::read_table(*root, Reading{mistakes, filters}, scenario_table(), read.scenario);
    if (mistakes.empty()) Validation(config, mistakes).check(read.scenario);
  }
  read.mistakes = mistakes.sorted();
  return read;
}

}  // namespace

// A name, and what is looked up elsewhere, counts as one.
std::size_t endpoints_of(const config::Cluster& cluster) {
  return cluster.discovery ? std::max<std::size_t>(cluster.endpoints.size(), 1)
                           : cluster.endpoints.size();
}

std::string_view to_string(Trouble trouble) {
  return troubles[static_cast<std::size_t>(trouble)];
}

ReadScenario read_scenario(const std::string& file, const config::Config& config) {
  config::Mistakes mistakes;
  config::FileText content = config::read_file(file, config::most_bytes);
  if (!content.problem.empty()) {
    mistakes.add({}, "cannot read " + file + ": " + content.problem);
    return read_source(nullptr, config, mistakes);
  }
  return read_source(std::make_shared<const config::Source>(file, std::move(content.text)), config,
                     mistakes);
}

ReadScenario read_scenario_text(const std::string& name, const std::string& text,
                                const config::Config& config) {
  config::Mistakes mistakes;
  return read_source(std::make_shared<const config::Source>(name, text), config, mistakes);
}

std::string describe_scenario() {
  return config::print_rows(config::rows_of(scenario_table()));
}

}  // namespace simulate
