// Max-Forwards of TRACE and OPTIONS (RFC 9110 7.6.2): how many may still pass the request on. Pure, any
// thread.
#pragma once

#include "proxy/http/message.hpp"

#include <optional>

namespace http {

constexpr bool heeds_max_forwards(Method method) {
  return method == Method::trace || method == Method::options;
}

// Of one of these two: counts it down; the answer if nobody may pass the request on. To TRACE that
// is the request as it came, without what is secret (RFC 9110 9.3.8).
std::optional<Response> answer_of_last(RequestHead& request);

}  // namespace http
