// What the proxy knows of gRPC over HTTP: how calls are recognised, deadlines, statuses. Pure.
#pragma once

#include "proxy/base/time.hpp"
#include "proxy/http/message.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace http {

bool is_grpc(const Headers& request);  // content-type: application/grpc*
std::optional<base::Duration> parse_grpc_timeout(std::string_view text);
std::string grpc_timeout(base::Duration left);    // at most 8 digits and a unit
std::string grpc_message(std::string_view text);  // percent-encoded
int http_status_of_grpc(int grpc_status);         // 200 for OK
// What a call comes to whose stream was reset with that error code of HTTP/2.
int grpc_status_of_reset(std::uint32_t code);
// A call in gRPC itself: its status stands in fields, not in its body as in gRPC-Web.
bool has_status_in_fields(const Headers& message);
// The grpc-status in a head or in trailers; `otherwise` if there is none.
int grpc_status_in(const Headers& headers, int otherwise = -1);
// As far as it is known at the head: of an answer without messages; else -1.
int grpc_status_of(const Response& response);
// What policies go by: the status, or what that gRPC status counts as.
int status_by_meaning(const Response& response);

}  // namespace http
