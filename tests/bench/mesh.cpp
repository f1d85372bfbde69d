// A mesh in virtual time: what it costs to have so many sidecars, each with so many services, for
// ten minutes. Usage: bench_mesh [SIDECARS [SERVICES [REQUESTS_A_SECOND [SECONDS]]]]
#include "config/load.hpp"
#include "filters/registry.hpp"
#include "proxy/simulate/world.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <sys/resource.h>

namespace {

std::string mesh_of(int services) {
  std::string routes = "version: 1\nlisteners:\n  egress:\n    bind: 127.0.0.1:0\n    routes:\n";
  std::string clusters = "clusters:\n";
  for (int i = 0; i < services; ++i) {
    const std::string name = "s" + std::to_string(i);
    routes += "      - { match: { host: " + name + ".mesh }, to: " + name + " }\n";
    clusters += "  " + name + ": { url: \"https://" + name +
                ".mesh\", filters: [retry: {}, circuit_breaker: {}] }\n";
  }
  return routes + clusters;
}

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return of(used.ru_utime) + of(used.ru_stime);
}

}  // namespace

int main(int argc, char** argv) {
  const auto argument = [&](int number, int fallback) {
    return argc > number ? std::atoi(argv[number]) : fallback;
  };
  const int sidecars = argument(1, 10'000), services = argument(2, 100);
  const config::Loaded loaded =
      config::load_text("mesh.yaml", mesh_of(services), filters::specs());
  if (!loaded.config) return EXIT_FAILURE;
  simulate::Scenario scenario;
  scenario.sidecars = static_cast<std::uint64_t>(sidecars);
  scenario.rate.count = static_cast<std::uint64_t>(argument(3, 2'000));
  scenario.length = std::chrono::seconds{argument(4, 600)};
  for (const config::Cluster& cluster : loaded.config->clusters) {
    simulate::ServiceRules& rules = scenario.services[cluster.name];
    rules.endpoints = 3;
    rules.servers = 64;
    rules.time = base::Millis{10};
  }
  simulate::Happening away;  // of every service one endpoint, for a minute
  away.at = scenario.length / 3;
  away.length = std::chrono::seconds{60};
  away.endpoint = 1;
  for (const config::Cluster& cluster : loaded.config->clusters) {
    away.service = cluster.name;
    scenario.happenings.push_back(away);
  }
  server::Planned planned = server::make_plan(simulate::made_virtual(*loaded.config, scenario));
  if (!planned.plan) return EXIT_FAILURE;
  simulate::World world(std::move(planned.plan), std::move(scenario));
  const double built = cpu_seconds();
  world.run();
  const double done = cpu_seconds();
  const simulate::Counts total = world.tally().total();
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  std::printf(
      "%d sidecars x %d services: %lu requests, %.2f %% succeeded, p99 %.0f ms\n"
      "  built in %.1f s, ran in %.1f s of CPU (%.1f us a request); %ld MB, %.0f kB a sidecar\n",
      sidecars, services, total.offered,
      100.0 * static_cast<double>(total.succeeded) / static_cast<double>(total.offered),
      total.latencies.quantile(0.99), built, done - built,
      1e6 * (done - built) / static_cast<double>(total.offered), used.ru_maxrss / 1024,
      static_cast<double>(used.ru_maxrss) / sidecars);
  std::fflush(stdout);
  std::_Exit(EXIT_SUCCESS);  // to take all that apart is of no interest
}
