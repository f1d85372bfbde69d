#include "proxy/server/attempt_counter.hpp"

#include <array>

namespace server {
namespace {

constexpr std::array<std::string_view, 7> classes = {"0xx", "1xx", "2xx", "3xx",
                                                     "4xx", "5xx", "6xx"};

std::string_view outcome_of(const http::Reply& reply) {
  if (!reply) return base::to_string(reply.error().reason);
  return classes[static_cast<std::size_t>(reply->status / 100) % classes.size()];
}

}  // namespace

http::Task<http::Reply> AttemptCounter::handle(http::Request& request) {
  http::StreamInfo& info = request.info;
  if (!info.last_outcome.empty()) count_retry(info.last_outcome);
  http::Reply reply = co_await forward_.handle(request);
  info.last_outcome = outcome_of(reply);
  count_attempt(info.last_outcome);
  co_return reply;
}

void AttemptCounter::count_attempt(std::string_view outcome) {
  stats::Counter*& counter = attempts_[outcome.data()];
  if (!counter)
    counter = &registry_.counter("outrider_attempts_total",
                                 "Attempts upstream, by what became of them.",
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
