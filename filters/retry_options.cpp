#include "filters/retry_options.hpp"

#include "proxy/base/ascii.hpp"
#include "proxy/base/field_names.hpp"
#include "proxy/http/grpc.hpp"

#include <algorithm>

namespace filters {
namespace {

using base::Error;
using base::Reason;

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

void read_methods(const config::Node& node, const config::Reading& reading, RetryOptions& into) {
  RetryMethods& methods = into.methods;
  methods = {};
  if (node.is_scalar() && node.text == "idempotent") return;
  methods.is_idempotent = false;
  methods.is_any = node.is_scalar() && node.text == "any";
  if (methods.is_any) return;
  if (!node.is_list())
    return reading.mistake(node, "idempotent, any, or a list such as [GET, POST] is expected");
  config::read_texts(node, reading, methods.listed);
  for (const std::string& method : methods.listed)
    if (!base::is_token(method) || base::lower_case(method) == method)
      reading.mistake(node, "\"" + method + "\" is not a method: they are written as in GET");
}

config::NodePtr write_methods(const RetryOptions& options) {
  const RetryMethods& methods = options.methods;
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
      rate<BudgetSettings>("min", &BudgetSettings::min, "3/s", "at least"),
  };
  return rows;
}

const config::Table<HedgeOptions>& hedge_table() {
  using namespace config;
  static const Table<HedgeOptions> rows = {
      duration<HedgeOptions>("after", &HedgeOptions::after, "0s", "without a head; 0 = never"),
  };
  return rows;
}

const config::Table<RetryOptions>& table() {
  using namespace config;
  static const Table<RetryOptions> rows = {
      integer<RetryOptions>("max_retries", &RetryOptions::max_retries, 0, 100, "3",
                            "beyond the first try"),
      {"retry_on", "a list of conditions",
       "[connect, refused, reset, upstream_protocol_error, response_timeout, 502, 503, 504]",
       "what is tried again",
       [](const Node& node, const Reading& reading, RetryOptions& into) {
         read_conditions(node, reading, never_retried, into.retry_on);
       },
       [](const RetryOptions& options) { return list_of(options.retry_on.texts()); }},
      {"methods", "idempotent, any or a list", "idempotent", "which requests", read_methods,
       write_methods},
      duration<RetryOptions>("attempt_timeout", &RetryOptions::attempt_timeout, "0s",
                             "one attempt up to its head; 0 = any"),
      nested<RetryOptions>("backoff", &RetryOptions::backoff, backoff_table(), "the wait between"),
      nested<RetryOptions>("budget", &RetryOptions::budget, budget_table(), "of the process"),
      size<RetryOptions>("max_body", &RetryOptions::max_body, "64KiB",
                         "what is kept of a request's body"),
      nested<RetryOptions>("hedge", &RetryOptions::hedge, hedge_table(),
                           "a second attempt beside one that takes long"),
  };
  return rows;
}

// Of a proxy behind, which would refuse again.
bool is_refusal_behind(Reason reason) {
  switch (reason) {
    case Reason::total_timeout:
    case Reason::circuit_open:
    case Reason::throttled:
    case Reason::pool_full:
    case Reason::bulkhead_full:
    case Reason::shed:
      return true;
    default:
      return false;
  }
}

// What a policy below refused, or had nobody to ask for.
constexpr Reason never_sent[] = {
    Reason::no_endpoint,   Reason::circuit_open, Reason::pool_full,
    Reason::bulkhead_full, Reason::shed,         Reason::throttled,
};

// Nothing reached the upstream, or it said that it did nothing: any method may go again.
bool was_not_processed(const Error& error) {
  return error.unsent || is_connect_failure(error.reason) || error.reason == Reason::refused ||
         std::find(std::begin(never_sent), std::end(never_sent), error.reason) !=
             std::end(never_sent);
}

}  // namespace

bool RetryMethods::cover(const http::RequestHead& head) const {
  if (is_any || head.headers.contains(http::Name::idempotency_key)) return true;
  if (is_idempotent) return http::is_idempotent(head.method);
  return std::find(listed.begin(), listed.end(), head.method_text()) != listed.end();
}

bool RetryMethods::let_repeat(const http::RequestHead& request, const http::Reply& reply) const {
  const bool was_unsent = reply ? reply->is_unsent : was_not_processed(reply.error());
  return was_unsent || cover(request);
}

bool RetryOptions::mean(const http::RequestHead& request, const http::Reply& reply) const {
  if (!methods.let_repeat(request, reply)) return false;
  if (!reply) return !reply.error().lasting && retry_on.matches(reply.error().reason);
  const bool is_meant = retry_on.matches_status(http::status_by_meaning(*reply)) ||
                        retry_on.matches_grpc(http::grpc_status_of(*reply));
  return reply->is_from_upstream && is_meant && !is_refusal_behind(reply->reason);
}

bool is_connect_failure(Reason reason) {
  return reason == Reason::dns_failure || reason == Reason::connect_failure ||
         reason == Reason::connect_timeout || reason == Reason::tls_failure;
}

bool is_refusal(const http::Reply& reply) {
  if (reply) return false;
  const Reason reason = reply.error().reason;
  return std::find(never_retried.begin(), never_retried.end(), reason) != never_retried.end();
}

const config::FilterSpec retry_spec =
    config::once_per_path(config::spec_of<table>("retry", "tries again what may be tried again"));

}  // namespace filters
