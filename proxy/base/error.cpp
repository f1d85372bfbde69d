#include "proxy/base/error.hpp"

#include <array>

namespace base {
namespace {

constexpr std::array<std::string_view, reason_count> reason_names = {
    "",
    "bad_request",
    "headers_too_large",
    "target_too_long",
    "body_too_large",
    "request_timeout",
    "method_not_allowed",
    "expectation_failed",
    "not_implemented",
    "no_route",
    "no_endpoint",
    "circuit_open",
    "pool_full",
    "bulkhead_full",
    "shed",
    "throttled",
    "dns_failure",
    "connect_failure",
    "tls_failure",
    "connect_timeout",
    "refused",
    "reset",
    "upstream_protocol_error",
    "response_too_large",
    "response_timeout",
    "total_timeout",
    "idle_timeout",
    "denied",
    "loop_detected",
    "fault",
    "internal",
    "client_gone",
    "drained",
    "budget_exhausted",
    "response_aborted",
    "outrun",
};

}  // namespace

std::string_view to_string(Reason reason) { return reason_names[static_cast<std::size_t>(reason)]; }

std::optional<Reason> reason_from(std::string_view name) {
  for (std::size_t i = 1; i < reason_names.size(); ++i)
    if (reason_names[i] == name) return static_cast<Reason>(i);
  return std::nullopt;
}

std::string in_words(const Error& error) {
  std::string text(error.detail);
  if (error.cause) text.append(": ").append(error.cause.message());
  return text;
}

std::string in_full(const Error& error) {
  return std::string(to_string(error.reason)) + ": " + in_words(error);
}

}  // namespace base
