// Tries again what may be tried again: never-sent requests of any method, idempotent ones after a
// failure that another attempt may mend. Filters below it run once for each attempt.
#include "filters/attempts.hpp"
#include "filters/contender.hpp"
#include "filters/deadline.hpp"
#include "filters/registry.hpp"
#include "filters/retry_counts.hpp"
#include "filters/retry_options.hpp"
#include "proxy/base/event.hpp"
#include "proxy/base/within.hpp"
#include "proxy/http/recorder.hpp"

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
        executor_(context.executor),
        shard_(context.shard),
        log_(context.log),
        budget_(std::move(budget)),
        counts_(context.metrics, context.shard) {}

  Task<Reply> handle(Request& request, Next next) override {
    budget_->count_request(shard_, loop_.now());
    Course course{{loop_, std::move(request.body), options_.max_body, executor_},
                  std::make_unique<Try>(request.info, request.scope),
                  options_.may_hedge(request)};
    std::optional<Reply> last_answer;
    for (std::uint64_t n = 1;; ++n) {
      Request attempt = request.fork(*course.current, course.recording.cursor());
      if (n > 1) pass_deadline_on(attempt);
      Reply reply = co_await tried_or_hedged(request, attempt, next, course);
      const auto delay = delay_before(n, request, reply, course);
      if (!delay) {
        if (course.recording.has_no_room()) say_no_room();
        course.recording.stop();
        const bool is_refused = is_refusal(reply);
        Reply last = concluded(std::move(reply), std::move(course.current));
        if (last_answer && is_refused) co_return std::move(*last_answer);
        co_return last;
      }
      const Time next_begins = loop_.now() + *delay;
      std::optional<Reply> kept = co_await keep(std::move(reply), course.current->scope);
      if (kept) last_answer = std::move(kept);
      course.current = following(std::move(course.current), request);
      co_await base::sleep_until(loop_, next_begins);
    }
  }

 private:
  // What one exchange has come to.
  struct Course {
    http::Recording recording;
    std::unique_ptr<Try> current;  // whose reply is waited for, or at hand
    bool may_hedge;                // once
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

  Task<Reply> tried_or_hedged(Request& request, Request& attempt, Next next, Course& course) {
    if (course.may_hedge) return hedged(request, attempt, next, course);
    return tried(attempt, next);
  }

  // One attempt, and beside it another if its head takes long. The first good head wins, and whoever
  // has none by then is cancelled; if neither is good, that reply is taken which says more.
  Task<Reply> hedged(Request& request, Request& attempt, Next next, Course& course) {
    base::Event news(loop_);
    Contender first(news, tried(attempt, next));
    if (!first.reply()) {
      const bool has_come = co_await news.wait(loop_.now() + options_.hedge.after);
      if (!has_come && !begins_hedge(request, course)) co_await news.wait();
    }
    if (first.reply()) co_return first.take();
    auto beside = std::make_unique<Try>(request.info, request.scope);
    beside->attempt.avoid = course.current->attempt.chosen;
    beside->attempt.is_hedge = true;
    Request another = request.fork(*beside, course.recording.cursor());
    pass_deadline_on(another);
    Contender second(news, tried(another, next));
    while (!is_decided(request, first, second)) co_await news.wait();
    const bool has_won = value_of(request, second.reply()) > value_of(request, first.reply());
    counts_.count(request.info.cluster, has_won ? Hedge::won : Hedge::lost);
    if (!has_won) {
      lose(second, *beside);
      co_return first.take();
    }
    lose(first, *course.current);
    attempt.body = http::Body();
    std::swap(course.current, beside);
    co_return second.take();
  }

  // At the moment at which it is due; then it is taken out of the budget.
  bool begins_hedge(const Request& request, Course& course) {
    course.may_hedge = false;
    if (!course.recording.is_intact()) return false;
    const bool is_allowed = budget_->take(shard_, loop_.now());
    if (!is_allowed) counts_.count(request.info.cluster, Hedge::denied);
    return is_allowed;
  }

  enum class Value : std::uint8_t { not_known, refusal, failure, bad_answer, good_answer };
  Value value_of(const Request& request, const Reply* reply) const {
    if (!reply) return Value::not_known;
    const bool may_be_mended = options_.mean(request, *reply);
    if (*reply) return may_be_mended ? Value::bad_answer : Value::good_answer;
    return may_be_mended ? Value::failure : Value::refusal;
  }
  bool is_decided(const Request& request, const Contender& first, const Contender& second) const {
    const Value a = value_of(request, first.reply());
    const Value b = value_of(request, second.reply());
    return std::max(a, b) == Value::good_answer || std::min(a, b) != Value::not_known;
  }

  static void lose(Contender& loser, Try& attempt) {
    http::Outcome& outcome = attempt.scope.outcome;
    const Reply* reply = loser.reply();
    if (reply && *reply)
      outcome.status = (*reply)->status;
    else
      outcome.reason = reply ? reply->error().reason : Reason::outrun;
    attempt.scope.cut(Reason::outrun);
    loser.cancel();
    attempt.scope.end();
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
                                             const Course& course) {
    if (!options_.mean(request, reply)) return std::nullopt;
    if (n > options_.max_retries) return denied(Denial::max_retries, request);
    if (!course.recording.is_intact()) return denied(Denial::max_body, request);
    base::Duration delay = options_.backoff.before(n, loop_.random());
    const bool goes_elsewhere =
        !reply && is_connect_failure(reply.error().reason) && course.current->attempt.has_alternatives;
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
    counts_.count(request.info.cluster, denial);
    return std::nullopt;
  }

  // Not for each request: it will be so for all that are as large.
  void say_no_room() {
    if (loop_.now() < quiet_until_) return;
    quiet_until_ = loop_.now() + std::chrono::minutes{1};
    log_.warning("retry: there is no room for a temporary file with a request's body, which is not "
                 "repeated; others as large will not be either");
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
  base::Executor* const executor_;
  const std::size_t shard_;
  base::Log& log_;
  const std::shared_ptr<RetryBudget> budget_;
  RetryCounts counts_;
  Time quiet_until_{};
};

}  // namespace

void expect_retries(const config::Filters& filters, stats::Registry& metrics,
                    std::string_view cluster) {
  for (const config::FilterConfig& filter : filters)
    if (filter.spec == &retry_spec)
      RetryCounts::expect(metrics, cluster, filter.as<RetryOptions>().hedge.after != Millis{0});
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
