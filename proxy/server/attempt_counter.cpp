#include "proxy/server/attempt_counter.hpp"

#include "proxy/http/grpc.hpp"

#include <array>

namespace server {
namespace {

constexpr std::array<std::string_view, 7> classes = {"0xx", "1xx", "2xx", "3xx",
                                                     "4xx", "5xx", "6xx"};

std::string_view text_of(const http::Outcome& outcome) {
  if (outcome.status == 0) return base::to_string(outcome.reason);
  const int status =
      outcome.grpc_status < 0 ? outcome.status : http::http_status_of_grpc(outcome.grpc_status);
  return classes[static_cast<std::size_t>(status / 100) % classes.size()];
}

}  // namespace

void AttemptCounter::ended(const http::Attempt& attempt) noexcept {
  const std::string_view previous = text_of(attempt.previous);
  if (!previous.empty()) count_retry(previous);
  count_attempt(text_of(attempt.outcome));
}

void AttemptCounter::count_attempt(std::string_view outcome) {
  stats::Counter*& counter = attempts_[outcome.data()];
  if (!counter)
    counter =
        &registry_.counter("outrider_attempts_total", "Attempts upstream, by what became of them.",
                           {{"cluster", cluster_}, {"outcome", outcome}});
  counter->add(shard_);
}

void AttemptCounter::count_retry(std::string_view cause) {
  stats::Counter*& counter = retries_[cause.data()];
  if (!counter)
    counter = &registry_.counter("outrider_retries_total",
                                 "Attempts after the first, by what became of the one before.",
                                 {{"cluster", cluster_}, {"reason", cause}});
  counter->add(shard_);
}

}  // namespace server
