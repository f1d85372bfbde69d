#include "proxy/observe/recent_requests.hpp"

#include <algorithm>
#include <utility>

namespace observe {
namespace {

constexpr std::size_t longest_text = 512;

std::string cut(std::string_view text) {
  return std::string(text.substr(0, longest_text));
}

std::string words_of(std::string_view detail, const boost::system::error_code& cause) {
  std::string words = cut(detail);
  if (cause) words.append(words.empty() ? "" : ": ").append(cause.message());
  return words;
}

RecordedAttempt recorded(const http::Attempt& attempt) {
  RecordedAttempt made;
  made.number = attempt.number;
  made.endpoint = cut(attempt.endpoint);
  made.cluster = cut(attempt.cluster);
  made.is_hedge = attempt.is_hedge;
  made.bytes = attempt.bytes;
  made.was_reused = attempt.was_reused;
  made.exchange_on_it = attempt.exchange_on_it;
  made.connection_age = attempt.connection_age;
  if (attempt.queued != base::never) made.queue = attempt.queue_time;
  if (attempt.held_time > base::Duration::zero()) made.held = attempt.held_time;
  const bool had_connection = attempt.connected != base::never && attempt.exchange_on_it > 0;
  if (had_connection) {
    if (!attempt.was_reused) made.connect = attempt.connect_time;
    if (attempt.tls_time != base::Duration::zero()) made.tls = attempt.tls_time;
  }
  if (attempt.first_byte != base::never && attempt.sent != base::never)
    made.first_byte = attempt.first_byte - attempt.sent;
  made.outcome = attempt.outcome;
  made.detail = words_of(attempt.detail, attempt.cause);
  return made;
}

// Of the one that was answered with, what ended it behind its head: an upstream that broke off. To a
// session of datagrams nobody has answered anything.
void add_end(RecordedAttempt& made, const http::StreamInfo& info) {
  const bool is_datagrams = info.connection.protocol == "udp";
  const bool has_broken_off = info.reason == base::Reason::response_aborted ||
                              (is_datagrams && info.reason == base::Reason::connect_failure);
  if (is_datagrams) made.outcome.status = 0;
  if (!has_broken_off || made.outcome.reason != base::Reason::none) return;
  made.outcome.reason = info.reason;
  made.detail = words_of(info.detail, info.cause);
}

std::vector<RecordedAttempt> attempts_of(const http::StreamInfo& info) {
  std::vector<RecordedAttempt> all;
  for (const http::Attempt& other : info.other_attempts) all.push_back(recorded(other));
  if (info.attempt.number != 0) {
    all.push_back(recorded(info.attempt));
    add_end(all.back(), info);
  }
  std::sort(all.begin(), all.end(),
            [](const RecordedAttempt& a, const RecordedAttempt& b) { return a.number < b.number; });
  return all;
}

}  // namespace

// A client that leaves a stream ends it as it should.
std::string_view RecentRequests::why(const http::StreamInfo& info) {
  const bool has_left = info.reason == base::Reason::client_gone;
  const bool has_begun = info.first_byte != base::never;
  if (info.status >= 500 || info.grpc_status > 0 ||
      (info.reason != base::Reason::none && !(has_left && has_begun)) ||
      !info.fell_back.by.empty())
    return "failed";
  const auto is_hedge = [](const http::Attempt& attempt) { return attempt.is_hedge; };
  const std::vector<http::Attempt>& others = info.other_attempts;
  const bool is_hedged =
      is_hedge(info.attempt) || std::any_of(others.begin(), others.end(), is_hedge);
  if (info.attempts > 1) return is_hedged ? "hedged" : "retried";
  return has_begun && info.first_byte - info.started >= slow ? "slow" : "";
}

bool RecentRequests::has_room(base::Time now) {
  if (now - second_begun_ >= std::chrono::seconds{1}) {
    second_begun_ = now;
    in_this_second_ = 0;
  }
  if (in_this_second_ == most_a_second) {
    ++not_kept_;
    return false;
  }
  ++in_this_second_;
  return true;
}

void RecentRequests::keep(const http::StreamInfo& info, const AccessRecord& record,
                          std::string_view kept_for) {
  {
    const std::lock_guard lock(mutex_);
    if (!has_room(record.ended)) return;
  }
  RecordedExchange made;
  made.started = info.loop.wall(info.started);
  made.request_id = cut(info.kept_request_id);
  if (!info.trace.id.is_none()) made.trace_id = http::view(http::text_of(info.trace.id));
  made.listener = info.listener;
  made.route = info.route;
  made.cluster = info.cluster;
  made.method = cut(record.method);
  made.host = cut(record.host);
  made.path = cut(record.path);
  made.protocol = info.connection.protocol;
  const base::Address& source = info.source();
  made.source = source.is_unix() ? source.to_string() : source.ip();
  made.is_outbound = info.is_outbound;
  made.status = info.status;
  made.grpc_status = info.grpc_status;
  made.reason = info.reason;
  made.detail = words_of(info.detail, info.cause);
  made.retry_denied = info.retry_denied;
  const http::FellBack& fell_back = info.fell_back;
  made.fell_back = {fell_back.by, std::string(fell_back.cluster), fell_back.reason, fell_back.status,
                    fell_back.has_failed};
  made.kept_for = kept_for;
  made.bytes_in = info.bytes_in;
  made.bytes_out = info.bytes_out;
  made.total = record.ended - info.started;
  const bool is_answered = info.connection.protocol != "udp" && info.first_byte != base::never;
  if (is_answered) made.first_byte = info.first_byte - info.started;
  made.attempts = attempts_of(info);
  const std::lock_guard lock(mutex_);
  kept_.push_back(std::move(made));
  if (kept_.size() > most) kept_.pop_front();
}

std::vector<RecordedExchange> RecentRequests::all() const {
  const std::lock_guard lock(mutex_);
  return {kept_.rbegin(), kept_.rend()};
}

std::vector<RecordedExchange> RecentRequests::of(std::string_view request_id) const {
  std::vector<RecordedExchange> found;
  const std::lock_guard lock(mutex_);
  for (const RecordedExchange& each : kept_)
    if (each.request_id == request_id) found.push_back(each);
  return found;
}

std::uint64_t RecentRequests::not_kept() const {
  const std::lock_guard lock(mutex_);
  return not_kept_;
}

}  // namespace observe
