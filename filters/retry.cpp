// Tries again what may be tried again: never-sent requests of any method, idempotent ones after a
// failure that another attempt may mend. Filters below it run once for each attempt.
#include "config/conditions.hpp"
#include "filters/deadline.hpp"
#include "filters/registry.hpp"
#include "filters/retry_policy.hpp"
#include "proxy/base/ascii.hpp"
#include "proxy/base/event.hpp"
#include "proxy/base/within.hpp"
#include "proxy/http/grpc.hpp"
#include "proxy/http/recorder.hpp"
#include "proxy/http/target.hpp"

#include <algorithm>

namespace filters {
namespace {

using base::Error;
using base::Fault;
using base::Millis;
using base::Reason;
using base::Task;
using base::Time;
using http::Attempt;
using http::Next;
using http::Reply;
using http::Request;
using http::Scope;
using http::Try;

constexpr std::uint64_t largest_kept_answer = 64 * 1024;
constexpr Millis longest_keeping{1'000};

struct Methods {
  bool is_any = false;
  bool is_idempotent = true;
  std::vector<std::string> listed;

  bool cover(const http::RequestHead& head) const {
    if (is_any || head.headers.contains(http::Name::idempotency_key)) return true;
    if (is_idempotent) return http::is_idempotent(head.method);
    return std::find(listed.begin(), listed.end(), head.method_text()) != listed.end();
  }
};

struct Options {
  std::uint64_t max_retries = 3;
  config::Conditions retry_on{"connect",          "refused", "reset", "upstream_protocol_error",
                              "response_timeout", "502",     "503",   "504"};
  Methods methods;
  Millis attempt_timeout{0};
  Backoff backoff;
  BudgetSettings budget;
  std::uint64_t max_body = 64 * 1024;
};

// What the vocabulary of failures lets be tried again; all others are refused in `retry_on`.
constexpr Reason retried[] = {
    Reason::dns_failure,
    Reason::connect_failure,
    Reason::connect_timeout,
    Reason::tls_failure,
    Reason::refused,
    Reason::reset,
    Reason::upstream_protocol_error,
    Reason::response_timeout,
};

const std::vector<Reason> never_retried = [] {
  std::vector<Reason> others;
  for (std::size_t i = 1; i < base::reason_count; ++i) {
    const auto reason = static_cast<Reason>(i);
    if (std::find(std::begin(retried), std::end(retried), reason) == std::end(retried))
      others.push_back(reason);
  }
  return others;
}();

void read_methods(const config::Node& node, const config::Reading& reading, Options& into) {
  Methods& methods = into.methods;
  methods = {};
  if (node.is_scalar() && node.text == "idempotent") return;
  methods.is_idempotent = false;
  methods.is_any = node.is_scalar() && node.text == "any";
  if (methods.is_any) return;
  if (!node.is_list())
    return reading.mistake(node, "idempotent, any, or a list such as [GET, POST] is expected");
  config::read_texts(node, reading, methods.listed);
  for (const std::string& method : methods.listed)
    if (!http::valid_field_name(method) || base::lower_case(method) == method)
      reading.mistake(node, "\"" + method + "\" is not a method: they are written as in GET");
}

config::NodePtr write_methods(const Options& options) {
  const Methods& methods = options.methods;
  if (methods.is_any) return config::scalar("any");
  return methods.is_idempotent ? config::scalar("idempotent") : config::list_of(methods.listed);
}

const config::Table<Backoff>& backoff_table() {
  using namespace config;
  static const Table<Backoff> rows = {
      duration<Backoff>("base", &Backoff::base, "100ms", "before the first retry"),
      integer<Backoff>("factor", &Backoff::factor, 1, 100, "2", "for each further one"),
      duration<Backoff>("max", &Backoff::max, "10s", "at most"),
      percentage<Backoff>("jitter", &Backoff::jitter, "25%", "more or less"),
  };
  return rows;
}

const config::Table<BudgetSettings>& budget_table() {
  using namespace config;
  static const Table<BudgetSettings> rows = {
      percentage<BudgetSettings>("ratio", &BudgetSettings::ratio, "10%", "of the last 10 s"),
      integer<BudgetSettings>("min", &BudgetSettings::min, 0, 1'000'000, "3", "at least"),
  };
  return rows;
}

const config::Table<Options>& table() {
  using namespace config;
  static const Table<Options> rows = {
      integer<Options>("max_retries", &Options::max_retries, 0, 100, "3", "beyond the first try"),
      {"retry_on", "a list of conditions",
       "[connect, refused, reset, upstream_protocol_error, response_timeout, 502, 503, 504]",
       "what is tried again",
       [](const Node& node, const Reading& reading, Options& into) {
         read_conditions(node, reading, never_retried, into.retry_on);
       },
       [](const Options& options) { return list_of(options.retry_on.texts()); }},
      {"methods", "idempotent, any or a list", "idempotent", "which requests", read_methods,
       write_methods},
      duration<Options>("attempt_timeout", &Options::attempt_timeout, "0s",
                        "one attempt up to its head; 0 = any"),
      nested<Options>("backoff", &Options::backoff, backoff_table(), "the wait between"),
      nested<Options>("budget", &Options::budget, budget_table(), "of the process"),
      size<Options>("max_body", &Options::max_body, "64KiB", "what is kept of a request's body"),
      later<Options>("hedge", "a second attempt at the same time"),
  };
  return rows;
}

bool is_connect_failure(Reason reason) {
  return reason == Reason::dns_failure || reason == Reason::connect_failure ||
         reason == Reason::connect_timeout || reason == Reason::tls_failure;
}

// Nothing reached the upstream, or it said that it did nothing: any method may go again.
bool was_not_processed(const Error& error) {
  return error.unsent || is_connect_failure(error.reason) || error.reason == Reason::refused;
}

// Made below by a policy, not by the upstream: not an answer to prefer over a real one.
bool is_refusal(const Reply& reply) {
  if (reply) return false;
  const Reason reason = reply.error().reason;
  return std::find(never_retried.begin(), never_retried.end(), reason) != never_retried.end();
}

std::optional<base::Duration> retry_after(const Reply& reply) {
  if (!reply) return std::nullopt;
  const auto text = reply->headers.find(http::Name::retry_after);
  const auto seconds = text ? base::parse_decimal<std::uint32_t>(*text) : std::nullopt;
  if (!seconds) return std::nullopt;
  return std::chrono::seconds(*seconds);
}

// attempt_timeout; what stands below learns why it is ended.
class AttemptLimit final : public base::Limit {
 public:
  AttemptLimit(Time at, base::Loop& loop, http::Scope& scope)
      : Limit(loop), at_(at), scope_(scope) {}
  Time due() const override { return at_; }
  void has_passed() override { scope_.cut(Reason::response_timeout); }

 private:
  Time at_;
  http::Scope& scope_;
};

class Retry final : public http::Filter {
 public:
  Retry(const Options& options, base::Loop& loop, std::shared_ptr<RetryBudget> budget)
      : options_(options), loop_(loop), budget_(std::move(budget)) {}

  Task<Reply> handle(Request& request, Next next) override {
    budget_->count_request(loop_.now());
    http::Recording recording(loop_, std::move(request.body), options_.max_body);
    std::optional<Reply> last_answer;
    auto current = std::make_unique<Try>(request.info, request.scope);
    for (std::uint64_t retries = 0;; ++retries) {
      Request attempt = request.fork(*current, recording.cursor());
      if (retries > 0) pass_deadline_on(attempt);
      Reply reply = co_await tried(attempt, next);
      const bool may_follow = retries < options_.max_retries && recording.is_intact() &&
                              may_be_repeated(request, reply);
      const auto delay =
          may_follow ? delay_before(retries + 1, reply, request, attempt.attempt) : std::nullopt;
      if (!delay || !budget_->take(loop_.now())) {
        recording.stop();
        const bool was_refused = is_refusal(reply);
        Reply last = concluded(std::move(reply), std::move(current));
        if (last_answer && was_refused) co_return std::move(*last_answer);
        co_return last;
      }
      const Time next_begins = loop_.now() + *delay;
      std::optional<Reply> kept = co_await keep(std::move(reply), current->scope);
      if (kept) last_answer = std::move(kept);
      current = following(std::move(current), request);
      co_await base::sleep_until(loop_, next_begins);
    }
  }

 private:
  // The one before is over before the next begins, which goes elsewhere if it can.
  static std::unique_ptr<Try> following(std::unique_ptr<Try> before, const Request& request) {
    auto next = std::make_unique<Try>(request.info, request.scope);
    next->attempt.avoid = before->attempt.chosen;
    next->attempt.previous = before->attempt.outcome;
    before->scope.end();
    return next;
  }

  Task<Reply> tried(Request& attempt, Next next) {
    if (options_.attempt_timeout == Millis{0}) return next(attempt);
    return bounded(attempt, next);
  }

  Task<Reply> bounded(Request& attempt, Next next) {
    AttemptLimit limit(loop_.now() + options_.attempt_timeout, loop_, attempt.scope);
    auto reply = co_await base::within(next(attempt), limit);
    if (reply) co_return std::move(*reply);
    co_return Error{Reason::response_timeout, Fault::upstream, "the attempt took too long"};
  }

  bool may_be_repeated(const Request& request, const Reply& reply) const {
    if (!reply) {
      const Error& error = reply.error();
      return options_.retry_on.matches(error.reason) &&
             (was_not_processed(error) || options_.methods.cover(request));
    }
    return reply->is_from_upstream && options_.methods.cover(request) &&
           options_.retry_on.matches_status(http::status_by_meaning(*reply));
  }

  // Nothing: the answer at hand is to be the last.
  std::optional<base::Duration> delay_before(std::uint64_t n, const Reply& reply,
                                             const Request& request, const Attempt& attempt) {
    base::Duration delay = options_.backoff.before(n, loop_.random());
    const bool goes_elsewhere =
        !reply && is_connect_failure(reply.error().reason) && attempt.has_alternatives;
    if (n == 1 && goes_elsewhere) delay = base::Duration::zero();
    if (const auto wanted = retry_after(reply); wanted && *wanted > delay) {
      if (*wanted > options_.backoff.max) return std::nullopt;
      delay = *wanted;
    }
    const Time deadline = std::min(request.scope.deadline, request.info.client_deadline);
    if (deadline != base::never && loop_.now() + delay >= deadline) return std::nullopt;
    return delay;
  }

  // The failed attempt is over before the next begins; a small answer is kept for the case that no
  // other comes. Nothing: it was too large, or did not come whole.
  Task<std::optional<Reply>> keep(Reply reply, Scope& scope) {
    if (!reply) {
      scope.outcome.reason = reply.error().reason;
      co_return std::optional<Reply>(std::move(reply));
    }
    scope.outcome.status = reply->status;
    http::Body body = std::move(reply->body);
    base::FixedLimit limit(loop_, loop_.now() + longest_keeping);
    std::string bytes;
    while (bytes.size() <= largest_kept_answer) {
      auto piece = co_await base::within(body.read(), limit);
      if (!piece || !*piece) co_return std::nullopt;
      if ((*piece)->empty()) {
        if (!body.is_empty())
          reply->body = http::Body::of(base::Bytes::copy_of(bytes), body.trailers());
        co_return std::optional<Reply>(std::move(reply));
      }
      bytes.append((*piece)->view());
    }
    co_return std::nullopt;
  }

  static Reply concluded(Reply reply, std::unique_ptr<Try> last) {
    if (reply) return http::ending_with_body(std::move(*reply), std::move(last));
    last->scope.outcome.reason = reply.error().reason;
    last->scope.end();
    return reply;
  }

  const Options& options_;
  base::Loop& loop_;
  std::shared_ptr<RetryBudget> budget_;
};

constexpr config::FilterSpec spec =
    config::once_per_path(config::spec_of<table>("retry", "tries again what may be tried again"));

}  // namespace

const Entry retry = {&spec, [](const config::FilterConfig& config, const FilterContext& context) {
                       const Options& options = config.as<Options>();
                       auto budget = context.process<RetryBudget>("retry", [&options] {
                         return std::make_shared<RetryBudget>(options.budget);
                       });
                       return std::unique_ptr<http::Filter>(
                           std::make_unique<Retry>(options, context.loop, std::move(budget)));
                     }};

}  // namespace filters
