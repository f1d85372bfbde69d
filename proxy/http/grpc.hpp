// What the proxy knows of gRPC over HTTP: how calls are recognised, deadlines, statuses. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/time.hpp"
#include "proxy/http/headers.hpp"

namespace http {

bool is_grpc(const Headers& request);                      // content-type: application/grpc*
std::optional<base::Duration> parse_grpc_timeout(std::string_view text);
std::string grpc_timeout(base::Duration left);             // at most 8 digits and a unit
std::string grpc_message(std::string_view text);           // percent-encoded
int http_status_of_grpc(int grpc_status);                  // 200 for OK
// What policies go by: the status, or what the gRPC status of an answer without messages counts as.
int status_by_meaning(int status, const Headers& response);

}  // namespace http
