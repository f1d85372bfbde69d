#include "filters/breaker_part.hpp"

#include "proxy/http/grpc.hpp"

#include <algorithm>

namespace filters {
namespace {

using base::Reason;

constexpr std::size_t most_parts = 1000;  // then those that are not in use are forgotten

std::string in_seconds(base::Duration duration) {
  const auto millis = std::max<std::int64_t>(duration / base::Millis{1}, 0);
  return std::to_string(millis / 1000) + '.' + std::to_string(millis % 1000 / 100) + " s";
}

std::string why_opened(const Breaker::Snapshot& now, bool is_slowness) {
  const SlidingCounts::Sums& counted = is_slowness ? now.slow : now.outcomes;
  return ": " + std::to_string(counted.marked) + " of the last " + std::to_string(counted.all) +
         (is_slowness ? " requests were slow" : " requests failed");
}

std::shared_ptr<BreakerGroup> group_of(const BreakerOptions& options,
                                       const FilterContext& context) {
  auto by_hand = BreakerSwitch::at(context.place_of_kind(), context.shared);
  return context.process<BreakerGroup>("circuit_breaker", [&] {
    return std::make_shared<BreakerGroup>(options, context.metrics.shards(), by_hand);
  });
}

// A gRPC call's outcome comes with its trailers.
class AtTheEnd final : public http::Guard {
 public:
  explicit AtTheEnd(AdmittedRequest admitted) : admitted_(std::move(admitted)) {}
  // A call that broke off before its status was known is one that was reset.
  void ended(const http::Outcome& outcome) noexcept override {
    if (outcome.reason == Reason::response_aborted) return admitted_.tell(Reason::reset);
    if (outcome.reason != Reason::none) return admitted_.tell(outcome.reason);
    admitted_.tell_answer(outcome.status, outcome.grpc_status);
  }

 private:
  AdmittedRequest admitted_;
};

}  // namespace

const std::vector<Reason> never_counted = {
    Reason::client_gone, Reason::throttled,    Reason::bulkhead_full,    Reason::shed,
    Reason::pool_full,   Reason::circuit_open, Reason::body_too_large,   Reason::request_timeout,
    Reason::bad_request, Reason::drained,      Reason::budget_exhausted, Reason::outrun,
};

bool says_nothing(Reason reason) {
  return std::find(never_counted.begin(), never_counted.end(), reason) != never_counted.end();
}

BreakerAnnouncer::BreakerAnnouncer(std::string name, const FilterContext& context)
    : name_(std::move(name)), shard_(context.shard), log_(context.log), shared_(context.shared) {
  const std::string place = context.place_of_kind();
  for (const auto state : {Breaker::State::closed, Breaker::State::open, Breaker::State::half_open})
    counters_[static_cast<std::size_t>(state)] = &context.metrics.counter(
        "outrider_breaker_transitions_total", "Changes of circuit breakers, by their new state.",
        {{"place", place}, {"state", to_string(state)}});
}

void BreakerAnnouncer::count(Breaker::State state) const {
  counters_[static_cast<std::size_t>(state)]->add(shard_);
  if (shared_.on_breaker) shared_.on_breaker(name_, to_string(state));
}

void BreakerAnnouncer::changed(const Breaker::Snapshot& now) const {
  count(now.state);
  if (now.state == Breaker::State::closed)
    return log_.info("the circuit breaker of " + name_ + " has closed: its probes succeeded");
  const bool is_slowness = now.slow.marked > now.outcomes.marked;
  log_.warning("the circuit breaker of " + name_ + " has opened" +
               (now.was_probing ? std::string(" again: a probe failed")
                                : why_opened(now, is_slowness)) +
               "; it asks again in " + in_seconds(now.until - now.since));
}

BreakerParts::BreakerParts(const BreakerOptions& options, const FilterContext& context)
    : options_(options),
      context_(context),
      group_(group_of(options, context)) {
  for (auto& [part, breaker] : group_->members()) parts_.emplace(part, make(part, breaker));
}

std::shared_ptr<const BreakerPart> BreakerParts::of(std::string_view part) {
  if (const auto found = parts_.find(part); found != parts_.end()) return found->second;
  if (parts_.size() >= most_parts)
    std::erase_if(parts_, [](const auto& each) { return each.second.use_count() == 1; });
  auto made = make(part, group_->of(part));
  parts_.emplace(part, made);
  return made;
}

std::shared_ptr<const BreakerPart> BreakerParts::make(std::string_view part,
                                                      std::shared_ptr<Breaker> breaker) const {
  std::string name = context_.place_of_kind();
  if (!part.empty()) name.append("/").append(part);
  return std::make_shared<const BreakerPart>(
      BreakerPart{options_, group_, std::move(breaker), context_.shard,
                  BreakerAnnouncer(std::move(name), context_)});
}

void AdmittedRequest::tell_answer(int status, int grpc_status) {
  const config::Conditions& failures = part_->options.failures;
  const int meaning = grpc_status < 0 ? status : http::http_status_of_grpc(grpc_status);
  tell(failures.matches_status(meaning) || failures.matches_grpc(grpc_status));
}

void AdmittedRequest::tell(bool has_failed) {
  if (!has_head_) head_came();
  const BreakerPart& part = *std::exchange(part_, nullptr);
  const bool may_open = has_failed || part.options.slow.over != base::Millis{0};
  const double jitter = may_open ? info_.loop.random().unit() : 0;
  const auto change = has_failed ? part.breaker->failed(ticket_, part.shard, info_.now(), jitter)
                                 : part.breaker->succeeded(ticket_, part.shard, info_.now(), jitter);
  if (change) part.announcer.changed(*change);
}

void settle(AdmittedRequest admitted, http::Request& request, const http::Reply& reply) {
  if (!reply) {
    // A probe for which nobody was asked has probed nothing.
    if (admitted.is_probe() && reply.error().untried) return admitted.let_go();
    return admitted.tell(reply.error().reason);
  }
  admitted.head_came();
  const int grpc_status = http::grpc_status_of(*reply);
  const bool is_open_ended = request.info.is_grpc && reply->is_from_upstream && grpc_status < 0 &&
                             !reply->body.is_empty();
  if (is_open_ended)
    request.scope.hold(std::make_unique<AtTheEnd>(std::move(admitted)));
  else if (says_nothing(reply->reason))  // of a proxy behind
    admitted.tell(reply->reason);
  else if (reply->is_from_upstream)
    admitted.tell_answer(reply->status, grpc_status);
  else
    admitted.tell(false);
}

}  // namespace filters
