// Stops asking a service that fails, and asks again carefully. Where it stands decides what it
// counts: below a retry each attempt, above it each exchange.
#include "config/conditions.hpp"
#include "filters/breaker.hpp"
#include "filters/registry.hpp"
#include "proxy/http/grpc.hpp"

#include <algorithm>
#include <array>

namespace filters {
namespace {

using base::Error;
using base::Reason;
using base::Task;
using http::Next;
using http::Reply;
using http::Request;

struct Options : BreakerSettings {
  config::Conditions failures{"5xx",     "timeout", "connect",
                              "refused", "reset",   "upstream_protocol_error"};
};

// Not the upstream's doing: refusals made below, and clients that left.
const std::vector<Reason> never_counted = {
    Reason::client_gone, Reason::throttled,    Reason::bulkhead_full,    Reason::shed,
    Reason::pool_full,   Reason::circuit_open, Reason::body_too_large,   Reason::request_timeout,
    Reason::bad_request, Reason::drained,      Reason::budget_exhausted, Reason::outrun,
};

bool says_nothing(Reason reason) {
  return std::find(never_counted.begin(), never_counted.end(), reason) != never_counted.end();
}

const config::Table<Options>& table() {
  using namespace config;
  constexpr std::uint64_t many = 1'000'000;
  static const Table<Options> rows = {
      integer<Options>("failure_threshold", &Options::failure_threshold, 1, many, "5",
                       "at least so many failures"),
      percentage<Options>("failure_ratio", &Options::failure_ratio, "25%", "and this share"),
      integer<Options>("request_volume", &Options::request_volume, 1, many, "20",
                       "of at least so many outcomes"),
      duration<Options>("window", &Options::window, "30s", "within this time", Zero::refused),
      integer<Options>("success_threshold", &Options::success_threshold, 1, many, "3",
                       "successes in a row that close it"),
      duration<Options>("first_open_for", &Options::first_open_for, "1s",
                        "the first time; twice as long after each probe that fails", Zero::refused),
      duration<Options>("open_for", &Options::open_for, "60s", "at most; +0-10 %", Zero::refused),
      integer<Options>("half_open_requests", &Options::half_open_requests, 1, many, "1",
                       "probes at a time"),
      {"failures", "a list of conditions",
       "[5xx, timeout, connect, refused, reset, upstream_protocol_error]", "what counts as one",
       [](const Node& node, const Reading& reading, Options& into) {
         read_conditions(node, reading, never_counted, into.failures,
                         "is not the upstream's outcome");
       },
       [](const Options& options) { return list_of(options.failures.texts()); }},
      later<Options>("scope", "one breaker per endpoint or route"),
  };
  return rows;
}

std::string in_seconds(base::Duration duration) {
  const auto millis = std::max<std::int64_t>(duration / base::Millis{1}, 0);
  return std::to_string(millis / 1000) + '.' + std::to_string(millis % 1000 / 100) + " s";
}

// Says in the log and in the metrics what becomes of the breaker at one place.
class Announcer {
 public:
  explicit Announcer(const FilterContext& context)
      : place_(context.place_of_kind()), shard_(context.shard), log_(context.log) {
    for (const auto state :
         {Breaker::State::closed, Breaker::State::open, Breaker::State::half_open})
      counters_[static_cast<std::size_t>(state)] = &context.metrics.counter(
          "outrider_breaker_transitions_total", "Changes of circuit breakers, by their new state.",
          {{"place", place_}, {"state", to_string(state)}});
  }

  void half_opened() const { count(Breaker::State::half_open); }
  void changed(const Breaker::Snapshot& now) const {
    count(now.state);
    if (now.state == Breaker::State::closed)
      return log_.info("the circuit breaker of " + place_ + " has closed: its probes succeeded");
    const bool is_again = now.was_probing;
    log_.warning("the circuit breaker of " + place_ + " has opened" +
                 (is_again ? " again: a probe failed"
                           : ": " + std::to_string(now.outcomes.marked) + " of the last " +
                                 std::to_string(now.outcomes.all) + " requests failed") +
                 "; it asks again in " + in_seconds(now.until - now.since));
  }

 private:
  void count(Breaker::State state) const {
    counters_[static_cast<std::size_t>(state)]->add(shard_);
  }

  const std::string place_;
  const std::size_t shard_;
  base::Log& log_;
  std::array<stats::Counter*, 3> counters_{};
};

// A worker's part in the breaker of one place.
struct Part {
  const Options& options;
  const std::shared_ptr<Breaker> breaker;
  const std::size_t shard;
  const Announcer announcer;
};

// The place of one admitted request, given back whatever happens. Destroyed before its end it knows
// its outcome by what cut its scope; a client that left is none.
class Admitted {
 public:
  Admitted(const Part& part, Breaker::Ticket ticket, Request& request)
      : part_(&part), ticket_(ticket), info_(request.info), scope_(request.scope) {}
  Admitted(Admitted&& other) noexcept
      : part_(std::exchange(other.part_, nullptr)),
        ticket_(other.ticket_),
        info_(other.info_),
        scope_(other.scope_) {}
  Admitted& operator=(Admitted&&) = delete;
  ~Admitted() {
    if (part_) tell(scope_.given_up_by());
    if (part_) part_->breaker->without_outcome(ticket_);
  }

  void tell(Reason reason) {
    if (!says_nothing(reason)) tell(part_->options.failures.matches(reason));
  }
  void tell_answer(int status, int grpc_status) {
    const config::Conditions& failures = part_->options.failures;
    const int meaning = grpc_status < 0 ? status : http::http_status_of_grpc(grpc_status);
    tell(failures.matches_status(meaning) || failures.matches_grpc(grpc_status));
  }
  void tell(bool has_failed) {
    const Part& part = *std::exchange(part_, nullptr);
    const auto change = has_failed ? part.breaker->failed(ticket_, part.shard, info_.now(),
                                                          info_.loop.random().unit())
                                   : part.breaker->succeeded(ticket_, part.shard, info_.now());
    if (change) part.announcer.changed(*change);
  }

 private:
  const Part* part_;  // the filter's, which lives as long as its exchanges; null = it was told
  Breaker::Ticket ticket_;
  http::StreamInfo& info_;
  const http::Scope& scope_;
};

// A gRPC call's outcome comes with its trailers.
class AtTheEnd final : public http::Guard {
 public:
  explicit AtTheEnd(Admitted admitted) : admitted_(std::move(admitted)) {}
  // A call that broke off before its status was known is one that was reset.
  void ended(const http::Outcome& outcome) noexcept override {
    if (outcome.reason == Reason::response_aborted) return admitted_.tell(Reason::reset);
    if (outcome.reason != Reason::none) return admitted_.tell(outcome.reason);
    admitted_.tell_answer(outcome.status, outcome.grpc_status);
  }

 private:
  Admitted admitted_;
};

class CircuitBreaker final : public http::Filter {
 public:
  explicit CircuitBreaker(Part part) : part_(std::move(part)) {}

  Task<Reply> handle(Request& request, Next next) override {
    const Breaker::Ticket ticket = part_.breaker->admit(request.info.now());
    if (ticket.begins_probing) part_.announcer.half_opened();
    if (ticket.is_admitted) return guarded(request, next, ticket);
    Error error{Reason::circuit_open, base::Fault::upstream, "the circuit breaker is open"};
    error.retry_after = ticket.retry_after;
    return Reply(error);
  }

 private:
  Task<Reply> guarded(Request& request, Next next, Breaker::Ticket ticket) {
    Admitted admitted(part_, ticket, request);
    Reply reply = co_await next(request);
    if (!reply) {
      // A probe for which nobody was asked has probed nothing.
      const bool is_known = ticket.is_probe && reply.error().untried;
      if (!is_known) admitted.tell(reply.error().reason);
      co_return reply;
    }
    const bool is_open_ended = request.info.is_grpc && reply->is_from_upstream &&
                               http::grpc_status_of(*reply) < 0 && !reply->body.is_empty();
    if (is_open_ended) {
      request.scope.hold(std::make_unique<AtTheEnd>(std::move(admitted)));
      co_return reply;
    }
    if (says_nothing(reply->reason))  // of a proxy behind
      admitted.tell(reply->reason);
    else if (reply->is_from_upstream)
      admitted.tell_answer(reply->status, http::grpc_status_of(*reply));
    else
      admitted.tell(false);
    co_return reply;
  }

  const Part part_;
};

constexpr config::FilterSpec spec =
    config::spec_of<table>("circuit_breaker", "stops asking a service that fails");

}  // namespace

const Entry circuit_breaker = {
    &spec, [](const config::FilterConfig& config, const FilterContext& context) {
      const Options& options = config.as<Options>();
      auto breaker = context.process<Breaker>("circuit_breaker", [&] {
        return std::make_shared<Breaker>(options, context.metrics.shards());
      });
      return std::unique_ptr<http::Filter>(std::make_unique<CircuitBreaker>(
          Part{options, std::move(breaker), context.shard, Announcer(context)}));
    }};

std::vector<BreakerStatus> breakers(const SharedState& shared, base::Time now) {
  std::vector<BreakerStatus> all;
  shared.each<Breaker>("circuit_breaker", [&](const std::string& place, const Breaker& breaker) {
    const Breaker::Snapshot seen = breaker.snapshot(now);
    all.push_back({place, to_string(seen.state), seen.since, seen.until, seen.outcomes.all,
                   seen.outcomes.marked});
  });
  return all;
}

}  // namespace filters
