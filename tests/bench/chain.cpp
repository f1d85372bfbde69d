// What an exchange costs between the protocols: from head to log line through the router and the
// filters to an upstream that answers at once; no socket, no parser. Without filters, with the
// default timeout, with ten filters that look and change nothing.
#include "tests/bench/exchange.hpp"

#include <cstdio>

namespace {

constexpr std::string_view ten_filters = R"(
      - headers: { request: { remove: [x-not-there] } }
      - headers: { request: { remove: [x-not-here] } }
      - headers: { response: { remove: [x-not-there] } }
      - headers: { response: { remove: [x-not-here] } }
      - headers: { request: { remove: [x-nor-this] } }
      - body_limit: { request: 100MiB }
      - timeout: { total: 60s }
      - fault: { abort: { status: 503, sample: 0% } }
      - retry: {}
      - circuit_breaker: {}
)";

}  // namespace

int main() {
  const double none = bench::measure_exchange("an exchange without filters", "[]");
  const double timed = bench::measure_exchange("with a timeout", "[timeout: {}]");
  const double ten = bench::measure_exchange("with ten filters", ten_filters);
  std::printf("the timeout adds %.0f ns, ten filters %.0f ns\n", timed - none, ten - none);
}
