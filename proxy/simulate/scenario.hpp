// What happens in a simulated world: who asks for what and how often, what the services are like,
// and what goes wrong when. Read from a file in the form of the configuration, by tables of the
// same kind; plain values.
#pragma once

#include "config/fields.hpp"
#include "config/model.hpp"
#include "proxy/base/error.hpp"
#include "proxy/base/time.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace simulate {

using base::Millis;

// A kind of request that clients send.
struct Asked {
  std::string listener;  // "" = the first that takes requests
  std::string method = "GET";
  std::string host = "simulated";
  std::string path = "/";
  config::NamedValues headers;  // "{client}" in a value is the client's number
  std::uint64_t weight = 1;
  config::Mark mark{};
};

enum class Spread : std::uint8_t { fixed, uniform, exponential, heavy };

// A cache in front of what makes a service slow: what misses takes so many times as long, and each
// answer that its client still waited for makes a later miss less likely.
struct Cache {
  std::uint64_t miss = 5;
  std::uint64_t warm_after = 1'000;  // answers
};

// What stands behind a cluster: endpoints that are all alike.
struct ServiceRules {
  std::uint64_t endpoints = 0;  // 0 = as the configuration has them
  std::uint64_t servers = 0;    // requests at once, in each; 0 = any number
  std::uint64_t queue = 10'000;  // that may wait for a server; then it answers 503
  Millis time{20};              // on the average
  Spread spread = Spread::exponential;
  std::optional<Cache> cache;
  std::vector<float> recorded;  // milliseconds, drawn from instead of `time`, if there are any
};

enum class Trouble : std::uint8_t { away, silent, slow, errors, pause, cache_lost, surge, servers };

// How so many requests ended that did not go well: with an answer, or without one for a reason.
struct RecordedEnd {
  int status = 0;
  base::Reason reason = base::Reason::none;
  std::uint64_t count = 0;
};

struct Happening {
  config::Mark mark;
  Millis at{0};
  Millis length{0};  // 0 = to the end
  Trouble what = Trouble::away;
  std::string service;         // "" = all
  std::uint64_t endpoint = 0;  // from 1; 0 = all of the service's
  std::uint64_t factor = 10;   // slow, surge
  std::uint32_t share = 10'000;  // errors, in 1/100 %
  std::uint64_t status = 503;
  std::uint64_t count = 1;  // servers
  // Not written by anybody, but of a log: how some of so many requests ended.
  std::vector<RecordedEnd> recorded;
  std::uint64_t answers = 0;

  bool is_recorded() const { return !recorded.empty(); }
  Millis end() const { return length == Millis{0} ? Millis::max() : at + length; }
};

constexpr std::uint64_t most_a_second = 1'000'000;  // requests; beyond it no world comes to its end

enum class Arrivals : std::uint8_t { poisson, even, together };

struct Scenario {
  std::uint64_t seed = 1;
  Millis length{60'000};
  std::uint64_t sidecars = 1;
  std::uint64_t clients = 0;  // each of one sidecar, by turns; 0 = one for each sidecar
  config::Rate rate{100, Millis{1'000}};  // of all together
  Arrivals arrivals = Arrivals::poisson;
  Millis patience{0};  // a client leaves then; 0 = never
  Millis network{1};   // there and back
  std::vector<Asked> requests;  // none = one for each route
  std::map<std::string, ServiceRules> services;  // by the cluster
  std::vector<Happening> happenings;
  std::map<std::string, config::Mark> marks;  // of the services, as they are named
};

std::string_view to_string(Trouble trouble);

// How many a cluster has, unless a scenario says otherwise.
std::size_t endpoints_of(const config::Cluster& cluster);

struct ReadScenario {
  Scenario scenario;
  std::vector<config::Mistake> mistakes;  // none = it was read
};

// config: whose clusters and listeners it may name.
ReadScenario read_scenario(const std::string& file, const config::Config& config);
// The text as if it stood in a file of that name.
ReadScenario read_scenario_text(const std::string& name, const std::string& text,
                                const config::Config& config);

// Every key, its default and what it is for, one a line.
std::string describe_scenario();

}  // namespace simulate
