#include "proxy/server/attempt_counter.hpp"

#include "proxy/http/grpc.hpp"

#include <algorithm>
#include <array>

namespace server {
namespace {

constexpr std::array<std::string_view, 10> classes = {"0xx", "1xx", "2xx", "3xx", "4xx",
                                                      "5xx", "6xx", "7xx", "8xx", "9xx"};

std::string_view text_of(const http::Outcome& outcome) {
  if (outcome.status == 0) return base::to_string(outcome.reason);
  const int status =
      outcome.grpc_status < 0 ? outcome.status : http::http_status_of_grpc(outcome.grpc_status);
  return classes[static_cast<std::size_t>(status / 100) % classes.size()];
}

}  // namespace

void AttemptCounter::expect(stats::Registry& registry, std::string_view cluster) {
  durations_of(registry, cluster);
  for (const std::string_view outcome : {"2xx", "4xx", "5xx"})
    attempts_of(registry, cluster, outcome);
  for (const base::Reason reason :
       {base::Reason::connect_failure, base::Reason::reset, base::Reason::response_timeout}) {
    attempts_of(registry, cluster, base::to_string(reason));
    retries_of(registry, cluster, base::to_string(reason));
  }
  retries_of(registry, cluster, "5xx");
}

stats::Histogram& AttemptCounter::durations_of(stats::Registry& registry,
                                               std::string_view cluster) {
  return registry.histogram("outrider_attempt_duration_seconds",
                            "From a request's head on its way to its answer's head.",
                            {{"cluster", cluster}});
}

stats::Counter& AttemptCounter::attempts_of(stats::Registry& registry, std::string_view cluster,
                                            std::string_view outcome) {
  return registry.counter("outrider_attempts_total", "Attempts upstream, by what became of them.",
                          {{"cluster", cluster}, {"outcome", outcome}});
}

stats::Counter& AttemptCounter::retries_of(stats::Registry& registry, std::string_view cluster,
                                           std::string_view cause) {
  return registry.counter("outrider_retries_total",
                          "Attempts after the first, by what became of the one before.",
                          {{"cluster", cluster}, {"reason", cause}});
}

void AttemptCounter::begin_span(http::Request& request) {
  const http::Trace& trace = request.info.trace;
  request.attempt.span = std::max<std::uint64_t>(request.info.loop.random().next(), 1);
  request.attempt.parent = trace.span;
  const http::TraceParent parent{trace.id, request.attempt.span, trace.flags};
  http::set_trace(request.headers, parent);
  if (trace.is_told_by_b3) http::set_b3(request.headers, parent);
}

void AttemptCounter::ended(const http::Attempt& attempt) noexcept {
  const std::string_view previous = text_of(attempt.previous);
  if (!previous.empty()) count_retry(previous);
  count_attempt(text_of(attempt.outcome));
  if (attempt.first_byte != base::never && attempt.sent != base::never)
    durations_.observe(shard_, attempt.first_byte - attempt.sent);
}

void AttemptCounter::count_attempt(std::string_view outcome) {
  if (outcome.data() != last_outcome_) {
    stats::Counter*& counter = attempts_[outcome.data()];
    if (!counter) counter = &attempts_of(registry_, cluster_, outcome);
    last_counter_ = counter;
    last_outcome_ = outcome.data();
  }
  last_counter_->add(shard_);
}

void AttemptCounter::count_retry(std::string_view cause) {
  stats::Counter*& counter = retries_[cause.data()];
  if (!counter) counter = &retries_of(registry_, cluster_, cause);
  counter->add(shard_);
}

}  // namespace server
