#include "proxy/simulate/tally.hpp"

#include <algorithm>

namespace simulate {
namespace {

using base::Reason;

constexpr std::size_t most_transitions = 1'000;  // that are kept

// By a policy of the proxy; what it asked upstream before that, if anything, was not the cause.
bool is_refusal(Reason reason) {
  switch (reason) {
    case Reason::no_route:
    case Reason::no_endpoint:
    case Reason::circuit_open:
    case Reason::pool_full:
    case Reason::bulkhead_full:
    case Reason::shed:
    case Reason::throttled:
    case Reason::denied:
    case Reason::method_not_allowed:
    case Reason::body_too_large:
    case Reason::bad_request:
    case Reason::headers_too_large:
    case Reason::target_too_long:
    case Reason::loop_detected:
      return true;
    default:
      return false;
  }
}

constexpr int server_error = 500;

void count(Counts& counts, const http::StreamInfo& info, bool has_failed) {
  ++(!has_failed ? counts.succeeded : is_refusal(info.reason) ? counts.refused : counts.failed);
  if (info.attempts > 1) counts.retries += static_cast<std::uint64_t>(info.attempts - 1);
  if (!info.retry_denied.empty()) ++counts.retries_denied;
  if (!has_failed) counts.latencies.add(info.now() - info.started);
}

void add(Counts& to, const Counts& more) {
  to.offered += more.offered;
  to.refused += more.refused;
  to.failed += more.failed;
  to.succeeded += more.succeeded;
  to.retries += more.retries;
  to.retries_denied += more.retries_denied;
  to.latencies.add(more.latencies);
}

}  // namespace

Tally::Tally(base::Time begin, base::Duration length, base::Duration step)
    : begin_(begin),
      step_(step),
      moments_(static_cast<std::size_t>((length + step - base::Duration{1}) / step)) {}

// What comes after the last of them belongs to it.
Moment& Tally::moment_of(base::Time time) {
  const auto index = static_cast<std::size_t>(std::max<std::int64_t>((time - begin_) / step_, 0));
  return moments_[std::min(index, moments_.size() - 1)];
}

// An answer that is an error, or none. A fallback's answer is a success, whatever made it needed.
void Tally::ended(const http::StreamInfo& info) {
  const bool has_failed = info.status >= server_error || info.status < 200 ||
                          (info.reason != Reason::none && info.status >= 400);
  Way& way = ways_[{info.listener, info.route, info.cluster}];
  ++way.counts.offered;
  count(way.counts, info, has_failed);
  count(moment_of(info.started).counts, info, has_failed);
  if (!has_failed) return;
  std::string why = info.reason == Reason::none ? "status " + std::to_string(info.status)
                                                : std::string(base::to_string(info.reason));
  ++(is_refusal(info.reason) ? way.refusals : way.failures)[std::move(why)];
}

void Tally::arrived(base::Time now) {
  ++upstream_;
  if (now < begin_ + step_ * static_cast<std::int64_t>(moments_.size())) ++moment_of(now).upstream;
}

void Tally::changed(base::Time now, std::size_t sidecar, std::string_view place,
                    std::string_view state) {
  ++changes_;
  if (transitions_.size() < most_transitions)
    transitions_.push_back({now - begin_, sidecar, std::string(place), std::string(state)});
}

Counts Tally::total() const {
  Counts all;
  for (const Moment& moment : moments_) add(all, moment.counts);
  return all;
}

}  // namespace simulate
