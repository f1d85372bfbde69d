#include "proxy/upstream/outlier.hpp"

#include "config/conditions.hpp"
#include "proxy/http/grpc.hpp"

namespace upstream {
namespace {

using base::Reason;

const config::Conditions& failures() {
  static const config::Conditions those{"5xx",     "timeout", "connect",
                                        "refused", "reset",   "upstream_protocol_error"};
  return those;
}

// A proxy beside the endpoint refused by a policy of its own: the endpoint has not failed.
bool is_refusal(Reason reason) {
  switch (reason) {
    case Reason::throttled:
    case Reason::bulkhead_full:
    case Reason::shed:
    case Reason::pool_full:
    case Reason::circuit_open:
    case Reason::drained:
      return true;
    default:
      return false;
  }
}

}  // namespace

Verdict verdict_of(const http::Outcome& outcome, Reason told_by_proxy) {
  if (is_refusal(told_by_proxy)) return Verdict::neither;
  if (outcome.status == 0)
    return failures().matches(outcome.reason) ? Verdict::failure : Verdict::neither;
  const int meaning =
      outcome.grpc_status < 0 ? outcome.status : http::http_status_of_grpc(outcome.grpc_status);
  return failures().matches_status(meaning) ? Verdict::failure : Verdict::success;
}

std::string in_words(const http::Outcome& outcome) {
  if (outcome.status == 0) return std::string(base::to_string(outcome.reason));
  if (outcome.grpc_status > 0) return "grpc-status " + std::to_string(outcome.grpc_status);
  return "status " + std::to_string(outcome.status);
}

}  // namespace upstream
