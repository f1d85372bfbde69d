// What each filter adds to an exchange: idle, when it stands there and has nothing to do, and active,
// when it does what it is there for. Then ten policies together, as a careful file would list them.
#include "tests/bench/exchange.hpp"

#include <cstdio>
#include <string>
#include <utility>

namespace {

struct Row {
  const char* filter;
  const char* idle;    // null = it always acts
  const char* active;  // null = it has no cheap way to act, such as another attempt
};

constexpr Row rows[] = {
    {"headers", "headers: { request: { remove: [x-not-there] } }",
     "headers: { request: { set: { x-a: b } }, response: { add: { x-c: d } } }"},
    {"request_id", nullptr, "request_id: {}"},
    {"timeout", nullptr, "timeout: {}"},
    {"retry", "retry: {}", nullptr},
    {"retry, hedge", "retry: { hedge: { after: 1s } }", nullptr},
    {"circuit_breaker", "circuit_breaker: {}", "circuit_breaker: { slow: { over: 1s } }"},
    {"throttle", "throttle: { rate: 1000000/s, burst: 1000000 }",
     "throttle: { rate: 1/h }"},
    {"throttle, by key", "throttle: { rate: 1000000/s, burst: 1000000, key: source_ip }",
     "throttle: { rate: 1/h, key: source_ip }"},
    {"bulkhead", "bulkhead: { max_concurrent: 1000 }", nullptr},
    {"adaptive_concurrency", "adaptive_concurrency: {}", nullptr},
    {"shed", "shed: {}", nullptr},
    {"fallback, respond", "fallback: { respond: { status: 200 } }",
     "fallback: { when: [200], respond: { status: 200, body: x } }"},
    {"fallback, stale", nullptr, "fallback: { stale: {} }"},
    {"collapse", nullptr, "collapse: {}"},
    {"fault", "fault: { abort: { status: 503, sample: 0% } }",
     "fault: { abort: { status: 503, sample: 100% } }"},
    {"body_limit", "body_limit: { request: 100MiB }", "body_limit: { response: 100MiB }"},
    {"early_hints", "early_hints: {}", nullptr},
    {"heartbeat", "heartbeat: {}", nullptr},
};

constexpr const char* ten_policies = R"(
      - request_id: {}
      - fallback: { respond: { status: 503, body: "sorry" } }
      - timeout: { total: 60s }
      - shed: {}
      - throttle: { rate: 1000000/s, burst: 1000000 }
      - bulkhead: { max_concurrent: 1000 }
      - adaptive_concurrency: {}
      - retry: {}
      - circuit_breaker: {}
      - body_limit: { request: 100MiB }
)";

double added(const Row& row, const char* how, const char* filter, double none) {
  const std::string name = std::string(row.filter) + ", " + how;
  return bench::measure_exchange(name.c_str(), "[{ " + std::string(filter) + " }]", 50'000) - none;
}

}  // namespace

int main() {
  const double none = bench::measure_exchange("an exchange without filters", "[]");
  std::string table = "\nns more for an exchange        idle   active\n";
  for (const Row& row : rows) {
    char line[96];
    std::snprintf(line, sizeof line, "%-26s", row.filter);
    table += line;
    const std::pair<const char*, const char*> ways[] = {{"idle", row.idle}, {"active", row.active}};
    for (const auto& [how, filter] : ways) {
      if (filter)
        std::snprintf(line, sizeof line, "%9.0f", added(row, how, filter, none));
      else
        std::snprintf(line, sizeof line, "%9s", "-");
      table += line;
    }
    table += '\n';
  }
  const double ten = bench::measure_exchange("ten policies", ten_policies);
  std::printf("%s%-26s%9.0f\n", table.c_str(), "ten policies together", ten - none);
}
