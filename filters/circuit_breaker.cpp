// Stops asking a service that fails, and asks again carefully. Where it stands decides what it
// counts: below a retry each attempt, above it each exchange.
#include "config/conditions.hpp"
#include "filters/breaker.hpp"
#include "filters/registry.hpp"
#include "proxy/http/grpc.hpp"

#include <algorithm>

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
    Reason::client_gone,    Reason::throttled,       Reason::bulkhead_full,
    Reason::shed,           Reason::pool_full,       Reason::circuit_open,
    Reason::body_too_large, Reason::request_timeout, Reason::bad_request,
    Reason::drained,        Reason::budget_exhausted,
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
      duration<Options>("open_for", &Options::open_for, "60s", "+0-10 %", Zero::refused),
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

// The place of one admitted request, given back whatever happens. Destroyed by a timeout from above
// it knows its outcome by that; a client that left is none.
class Admitted {
 public:
  Admitted(Breaker& breaker, Breaker::Ticket ticket, const config::Conditions& failures,
           Request& request)
      : breaker_(&breaker),
        ticket_(ticket),
        failures_(failures),
        info_(request.info),
        scope_(request.scope) {}
  Admitted(Admitted&& other) noexcept
      : breaker_(std::exchange(other.breaker_, nullptr)),
        ticket_(other.ticket_),
        failures_(other.failures_),
        info_(other.info_),
        scope_(other.scope_) {}
  Admitted& operator=(Admitted&&) = delete;
  ~Admitted() {
    if (breaker_) tell(scope_.given_up_by());
    if (breaker_) breaker_->without_outcome(ticket_);
  }

  void tell(Reason reason) {
    if (!says_nothing(reason)) tell(failures_.matches(reason));
  }
  void tell_status(int status) { tell(failures_.matches_status(status)); }
  void tell(bool has_failed) {
    if (has_failed)
      breaker_->failed(ticket_, info_.now(), info_.loop.random().unit());
    else
      breaker_->succeeded(ticket_, info_.now());
    breaker_ = nullptr;
  }

 private:
  Breaker* breaker_;  // the filter's, which lives as long as its exchanges
  Breaker::Ticket ticket_;
  const config::Conditions& failures_;
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
    admitted_.tell_status(outcome.grpc_status < 0 ? outcome.status
                                                  : http::http_status_of_grpc(outcome.grpc_status));
  }

 private:
  Admitted admitted_;
};

class CircuitBreaker final : public http::Filter {
 public:
  CircuitBreaker(const Options& options, std::shared_ptr<Breaker> breaker)
      : options_(options), breaker_(std::move(breaker)) {}

  Task<Reply> handle(Request& request, Next next) override {
    const Breaker::Ticket ticket = breaker_->admit(request.info.now());
    if (ticket.is_admitted) return guarded(request, next, ticket);
    Error error{Reason::circuit_open, base::Fault::upstream, "the circuit breaker is open"};
    error.retry_after = ticket.retry_after;
    return base::just(Reply(error));
  }

 private:
  Task<Reply> guarded(Request& request, Next next, Breaker::Ticket ticket) {
    Admitted admitted(*breaker_, ticket, options_.failures, request);
    Reply reply = co_await next(request);
    if (!reply) {
      admitted.tell(reply.error().reason);
      co_return reply;
    }
    const bool is_open_ended = request.info.is_grpc && reply->is_from_upstream &&
                               http::grpc_status_of(*reply) < 0 && !reply->body.is_empty();
    if (is_open_ended) {
      request.scope.hold(std::make_unique<AtTheEnd>(std::move(admitted)));
      co_return reply;
    }
    if (reply->is_from_upstream)
      admitted.tell_status(http::status_by_meaning(*reply));
    else
      admitted.tell(false);
    co_return reply;
  }

  const Options& options_;
  std::shared_ptr<Breaker> breaker_;
};

constexpr config::FilterSpec spec =
    config::spec_of<table>("circuit_breaker", "stops asking a service that fails");

}  // namespace

const Entry circuit_breaker = {
    &spec, [](const config::FilterConfig& config, const FilterContext& context) {
      const Options& options = config.as<Options>();
      auto breaker = context.process<Breaker>(
          "circuit_breaker", [&options] { return std::make_shared<Breaker>(options); });
      return std::unique_ptr<http::Filter>(
          std::make_unique<CircuitBreaker>(options, std::move(breaker)));
    }};

std::vector<std::pair<std::string, std::string_view>> breakers(const SharedState& shared) {
  std::vector<std::pair<std::string, std::string_view>> all;
  shared.each<Breaker>("circuit_breaker", [&all](const std::string& place, const Breaker& breaker) {
    all.emplace_back(place, to_string(breaker.state()));
  });
  return all;
}

}  // namespace filters
