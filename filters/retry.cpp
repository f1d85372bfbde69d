// Tries again what may be tried again: never-sent requests of any method, idempotent ones after a
// failure that another attempt may mend. Filters below it run once for each attempt.
#include "filters/attempts.hpp"
#include "filters/deadline.hpp"
#include "filters/registry.hpp"
#include "filters/retry_options.hpp"
#include "proxy/base/event.hpp"
#include "proxy/base/within.hpp"
#include "proxy/http/recorder.hpp"

#include <algorithm>
#include <array>
#include <map>

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

// Why a retry that was due was not made: the option that said no, or what else did.
enum class Denial : std::uint8_t { max_retries, max_body, retry_after, deadline, budget_exhausted };
constexpr std::array<std::string_view, 5> denials = {"max_retries", "max_body", "retry_after",
                                                     "deadline", "budget_exhausted"};

std::string_view to_string(Denial denial) {
  return denials[static_cast<std::size_t>(denial)];
}

// How many retries were denied, by cluster and reason.
class DenialCounts {
 public:
  using Counters = std::array<stats::Counter*, denials.size()>;
  static Counters made_for(stats::Registry& metrics, std::string_view cluster) {
    Counters counters{};
    for (std::size_t i = 0; i < denials.size(); ++i)
      counters[i] = &metrics.counter("outrider_retries_denied_total",
                                     "Retries that were due and not made, by what said no.",
                                     {{"cluster", cluster}, {"reason", denials[i]}});
    return counters;
  }

  explicit DenialCounts(const FilterContext& context)
      : metrics_(context.metrics), shard_(context.shard) {}
  void count(std::string_view cluster, Denial denial) {
    of(cluster)[static_cast<std::size_t>(denial)]->add(shard_);
  }

 private:
  Counters& of(std::string_view cluster) {
    if (const auto found = by_cluster_.find(cluster); found != by_cluster_.end())
      return found->second;
    return by_cluster_.emplace(cluster, made_for(metrics_, cluster)).first->second;
  }

  stats::Registry& metrics_;
  const std::size_t shard_;
  std::map<std::string, Counters, std::less<>> by_cluster_;
};

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
  Retry(const RetryOptions& options, const FilterContext& context,
        std::shared_ptr<RetryBudget> budget)
      : options_(options),
        loop_(context.loop),
        shard_(context.shard),
        budget_(std::move(budget)),
        denied_(context) {}

  Task<Reply> handle(Request& request, Next next) override {
    budget_->count_request(shard_, loop_.now());
    http::Recording recording(loop_, std::move(request.body), options_.max_body);
    std::optional<Reply> last_answer;
    auto current = std::make_unique<Try>(request.info, request.scope);
    for (std::uint64_t n = 1;; ++n) {
      Request attempt = request.fork(*current, recording.cursor());
      if (n > 1) pass_deadline_on(attempt);
      Reply reply = co_await tried(attempt, next);
      const auto delay = delay_before(n, request, reply, {recording, current->attempt});
      if (!delay) {
        recording.stop();
        const bool is_refused = is_refusal(reply);
        Reply last = concluded(std::move(reply), std::move(current));
        if (last_answer && is_refused) co_return std::move(*last_answer);
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
  // What an attempt leaves to the one that may follow.
  struct Left {
    const http::Recording& recording;
    const Attempt& attempt;
  };

  // The one before is over before the next begins, which goes elsewhere if it can.
  static std::unique_ptr<Try> following(std::unique_ptr<Try> before, const Request& request) {
    auto next = std::make_unique<Try>(request.info, request.scope);
    next->attempt.avoid = before->attempt.chosen;
    next->attempt.previous = before->attempt.outcome;
    const http::Outcome& known = next->attempt.previous;
    if (known.status == 0 && known.reason == Reason::none)  // a filter below answered
      next->attempt.previous = before->scope.outcome;
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

  // Before the n-th retry. Nothing: the answer at hand is to be the last.
  std::optional<base::Duration> delay_before(std::uint64_t n, Request& request, const Reply& reply,
                                             const Left& left) {
    if (!options_.mean(request, reply)) return std::nullopt;
    if (n > options_.max_retries) return denied(Denial::max_retries, request);
    if (!left.recording.is_intact()) return denied(Denial::max_body, request);
    base::Duration delay = options_.backoff.before(n, loop_.random());
    const bool goes_elsewhere =
        !reply && is_connect_failure(reply.error().reason) && left.attempt.has_alternatives;
    if (n == 1 && goes_elsewhere) delay = base::Duration::zero();
    if (const auto wanted = pause_asked_by(reply); wanted && *wanted > delay) {
      if (*wanted > options_.backoff.max) return denied(Denial::retry_after, request);
      delay = *wanted;
    }
    const Time deadline = std::min(request.scope.deadline, request.info.client_deadline);
    if (deadline != base::never && loop_.now() + delay >= deadline)
      return denied(Denial::deadline, request);
    if (!budget_->take(shard_, loop_.now())) return denied(Denial::budget_exhausted, request);
    return delay;
  }

  std::optional<base::Duration> pause_asked_by(const Reply& reply) const {
    return reply ? retry_after(reply->headers, loop_.wall(loop_.now())) : std::nullopt;
  }

  std::nullopt_t denied(Denial denial, Request& request) {
    request.info.retry_denied = to_string(denial);
    denied_.count(request.info.cluster, denial);
    return std::nullopt;
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

  const RetryOptions& options_;
  base::Loop& loop_;
  const std::size_t shard_;
  const std::shared_ptr<RetryBudget> budget_;
  DenialCounts denied_;
};

}  // namespace

void expect_retries(const config::Filters& filters, stats::Registry& metrics,
                    std::string_view cluster) {
  for (const config::FilterConfig& filter : filters)
    if (filter.spec == &retry_spec) DenialCounts::made_for(metrics, cluster);
}

const Entry retry = {
    &retry_spec, [](const config::FilterConfig& config, const FilterContext& context) {
      const RetryOptions& options = config.as<RetryOptions>();
      auto budget = context.process<RetryBudget>("retry", [&] {
        return std::make_shared<RetryBudget>(options.budget, context.metrics.shards());
      });
      return std::unique_ptr<http::Filter>(
          std::make_unique<Retry>(options, context, std::move(budget)));
    }};

}  // namespace filters
