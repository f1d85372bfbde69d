// The last exchanges that failed, were slow or needed more than one attempt, and what became of
// each attempt: what `GET /requests` and `outrider why` tell. An exchange that is well costs a few
// comparisons. Bounded: so many exchanges, so many attempts of each, texts cut; when there are more
// than a few hundred a second the rest is counted and not kept. One for all workers; any thread.
#pragma once

#include "proxy/http/scope.hpp"
#include "proxy/http/stream_info.hpp"
#include "proxy/observe/access_log.hpp"

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace observe {

struct RecordedAttempt {
  int number = 0;
  std::string endpoint;  // "" = none was chosen
  std::string cluster;
  bool is_hedge = false;
  http::BodyBytes bytes;
  bool was_reused = false;
  std::uint64_t exchange_on_it = 0;  // of its connection's exchanges, from 1; 0 = it had none
  base::Duration connection_age{};
  // Times; below zero = it did not come to that. first_byte is counted from the head's sending.
  base::Duration queue{-1}, held{-1}, connect{-1}, tls{-1}, first_byte{-1};
  http::Outcome outcome;
  std::string detail;  // in our words and the system's
};

struct RecordedExchange {
  base::WallTime started;
  std::string request_id, trace_id, listener, route, cluster, method, host, path, protocol, source;
  bool is_outbound = false;
  int status = 0;
  int grpc_status = -1;
  base::Reason reason = base::Reason::none;
  std::string detail;
  std::string_view retry_denied;  // static
  struct {
    std::string_view by;  // static
    std::string cluster;
    base::Reason reason = base::Reason::none;
    int status = 0;
    bool has_failed = false;
  } fell_back;
  std::string_view kept_for;      // "failed", "retried", "hedged" or "slow"
  std::uint64_t bytes_in = 0, bytes_out = 0;
  base::Duration total{}, first_byte{-1};
  std::vector<RecordedAttempt> attempts;
};

class RecentRequests {
 public:
  static constexpr std::size_t most = 200;
  static constexpr int most_a_second = 500;
  static constexpr base::Millis slow{1'000};  // to the answer's head

  // Why it is worth keeping; "" = it is not.
  static std::string_view worth(const http::StreamInfo& info) {
    if (info.reason == base::Reason::none && info.status < 500 && info.grpc_status <= 0 &&
        info.attempts <= 1 && info.fell_back.by.empty() && info.first_byte - info.started < slow)
      return {};
    return why(info);
  }
  void keep(const http::StreamInfo& info, const AccessRecord& record, std::string_view kept_for);

  // The latest first.
  std::vector<RecordedExchange> all() const;
  std::vector<RecordedExchange> of(std::string_view request_id) const;
  std::uint64_t not_kept() const;  // because there were too many at once

 private:
  static std::string_view why(const http::StreamInfo& info);
  bool has_room(base::Time now);

  mutable std::mutex mutex_;
  std::deque<RecordedExchange> kept_;  // the latest at the end
  base::Time second_begun_{};
  int in_this_second_ = 0;
  std::uint64_t not_kept_ = 0;
};

}  // namespace observe
