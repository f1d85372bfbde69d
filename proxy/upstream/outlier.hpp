// Whether the outcome of an attempt counts as a failure of its endpoint, as a success, or as
// neither: what `outlier` and the circuit breaker mean by `failures`. Pure.
#pragma once

#include "proxy/http/scope.hpp"

#include <cstdint>
#include <string>

namespace upstream {

enum class Verdict : std::uint8_t { success, failure, neither };

// told_by_proxy: the reason that a proxy behind this one gives for its answer.
Verdict verdict_of(const http::Outcome& outcome, base::Reason told_by_proxy = base::Reason::none);
// A reason, or "status 503", "grpc-status 14".
std::string in_words(const http::Outcome& outcome);

}  // namespace upstream
