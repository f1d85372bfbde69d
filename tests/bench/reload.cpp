// How long a worker's turns are while it goes over to a table of ten thousand routes, or of as many
// with filters of their own as one file may hold, and from it to the next. Says so if one is longer
// than a request should wait.
#include "proxy/base/executor.hpp"
#include "proxy/base/heap.hpp"
#include "proxy/server/runtime.hpp"

#include "config/load.hpp"
#include "tests/bench/measure.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

namespace {

constexpr double longest = 5;  // ms

std::shared_ptr<const server::Plan> with_routes(int count, const std::string& filters) {
  std::string text = "version: 1\nworkers: 1\naccess_log: { format: none }\n"
                     "clusters: { app: { url: \"http://127.0.0.1:1\" } }\n"
                     "listeners:\n  egress:\n    bind: 127.0.0.1:0\n    routes:\n";
  for (int i = 0; i < count; ++i)
    text += "      - { match: { path: /r" + std::to_string(i) + " }, to: app" + filters + " }\n";
  text += "      - to: app\n";
  const config::Loaded loaded = config::load_text("proxy.yaml", text, filters::specs());
  if (!loaded.config) throw std::runtime_error(loaded.mistakes.front().to_string());
  return std::move(server::make_plan(loaded.config).plan);
}

// Of all turns until something is so, in milliseconds of the processor.
double longest_turn(base::EventLoop& loop, const std::function<bool()>& is_so) {
  double most = 0;
  while (!is_so()) {
    const double began = bench::Counter::cpu_nanoseconds();
    loop.turn(base::Millis{0});
    most = std::max(most, (bench::Counter::cpu_nanoseconds() - began) / 1e6);
  }
  return most;
}

double measure(const char* name, int count, const std::string& filters) {
  base::Log log(2, base::Level::error, false);
  const auto small = with_routes(1, ""), first = with_routes(count, filters),
             second = with_routes(count, filters);
  base::EventLoop loop;
  server::Shared shared(*small, 100, 1 << 28, log);
  base::Executor executor(1, 1);
  server::Runtime runtime(loop, executor, 0, shared);
  runtime.adopt({small, {}, {}});
  double most = 0;
  for (const auto* each : {&first, &second, &small}) {
    const std::shared_ptr<const server::Plan>& next = *each;
    bool is_done = false;
    loop.post([&] { runtime.adopt_in_turns({next, {}, {}}, [&] { is_done = true; }); });
    most = std::max(most, longest_turn(loop, [&] { return is_done; }));
  }
  const auto are_gone = [&] { return first.use_count() == 1 && second.use_count() == 1; };
  most = std::max(most, longest_turn(loop, are_gone));
  std::printf("%d routes, %s: the longest turn is %.2f ms\n", count, name, most);
  return most;
}

}  // namespace

int main() {
  base::join_freed_memory_at_once();  // as the proxy does
  double most = measure("plain", 10'000, "");
  most = std::max(most, measure("with a throttle and a timeout", 4'500,
                                ", filters: [throttle: { rate: 9/s }, timeout: { total: 1s }]"));
  most = std::max(most, measure("with a circuit breaker", 7'000, ", filters: [circuit_breaker: {}]"));
  return most < longest ? EXIT_SUCCESS : EXIT_FAILURE;
}
