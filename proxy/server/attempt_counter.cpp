#include "proxy/server/attempt_counter.hpp"

#include <array>

namespace server {
namespace {

constexpr std::array<std::string_view, 7> classes = {"0xx", "1xx", "2xx", "3xx",
                                                     "4xx", "5xx", "6xx"};

// Of an attempt that was given up: by a filter whose time is up, or with the exchange.
std::string_view outcome_of(const http::StreamInfo& info) {
  return base::to_string(info.ended_by != base::Reason::none ? info.ended_by
                                                             : base::Reason::client_gone);
}

std::string_view outcome_of(const http::Reply& reply) {
  if (!reply) return base::to_string(reply.error().reason);
  return classes[static_cast<std::size_t>(reply->status / 100) % classes.size()];
}

}  // namespace

// Counts however the attempt ends, also by being destroyed.
class AttemptCounter::Attempt {
 public:
  Attempt(AttemptCounter& counter, http::StreamInfo& info) : counter_(counter), info_(info) {
    if (!info.last_outcome.empty()) counter.count_retry(info.last_outcome);
  }
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;
  ~Attempt() {
    if (outcome_.empty()) outcome_ = outcome_of(info_);
    info_.last_outcome = outcome_;
    counter_.count_attempt(outcome_);
  }
  void ended(const http::Reply& reply) { outcome_ = outcome_of(reply); }

 private:
  AttemptCounter& counter_;
  http::StreamInfo& info_;
  std::string_view outcome_;
};

http::Task<http::Reply> AttemptCounter::handle(http::Request& request) {
  Attempt attempt(*this, request.info);
  http::Reply reply = co_await forward_.handle(request);
  attempt.ended(reply);
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
