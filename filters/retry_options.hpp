// What `retry` reads from the configuration, and which requests and failures it means by that.
#pragma once

#include "config/conditions.hpp"
#include "config/filter_spec.hpp"
#include "filters/retry_policy.hpp"
#include "proxy/http/message.hpp"

#include <string>
#include <vector>

namespace filters {

struct RetryMethods {
  bool is_any = false;
  bool is_idempotent = true;
  std::vector<std::string> listed;

  bool cover(const http::RequestHead& head) const;
  // Whether to send the request again would not do twice what was done.
  bool let_repeat(const http::RequestHead& request, const http::Reply& reply) const;
};

// A second attempt beside one whose head takes long.
struct HedgeOptions {
  base::Millis after{0};  // 0 = never
};

struct RetryOptions {
  std::uint64_t max_retries = 3;
  config::Conditions retry_on{"connect",          "refused", "reset", "upstream_protocol_error",
                              "response_timeout", "502",     "503",   "504"};
  RetryMethods methods;
  base::Millis attempt_timeout{0};
  Backoff backoff;
  BudgetSettings budget;
  std::uint64_t max_body = 64 * 1024;
  HedgeOptions hedge;

  // Whether another attempt may mend this, and would not do twice what was done.
  bool mean(const http::RequestHead& request, const http::Reply& reply) const;
  // Whether to send the request twice does not do twice what it asks for. Never a tunnel: its bytes
  // are for one peer.
  bool may_hedge(const http::RequestHead& request) const {
    return hedge.after != base::Millis{0} && !request.asks_for_tunnel() && methods.cover(request);
  }
};

// No connection came about.
bool is_connect_failure(base::Reason reason);
// Made below by a policy, not by the upstream: not an answer to prefer over a real one.
bool is_refusal(const http::Reply& reply);

extern const config::FilterSpec retry_spec;

}  // namespace filters
