// Streams are recognised, not configured: a gRPC call, a tunnel, server-sent events, a response
// without a length, a message of more than 1 MiB. From then on the exchange's total time no longer
// counts.
#pragma once

#include "proxy/http/message.hpp"

namespace http {

bool is_stream(const RequestHead& request);
bool is_stream(const RequestHead& request, const Response& response);

}  // namespace http
