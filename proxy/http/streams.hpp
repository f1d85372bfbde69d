// Streams are recognised, not configured: a call of gRPC or Connect, a tunnel, server-sent events,
// a response without a length, a message of more than 1 MiB. From then on the exchange's total time
// no longer counts.
#pragma once

#include "proxy/http/message.hpp"

namespace http {

bool is_stream(const RequestHead& request);
bool is_stream(const RequestHead& request, const Response& response);

// Whether the request's sender may be silent for long in the middle of it, as who converses is: a
// call of gRPC or a stream of Connect. The exchange's idle time bounds it, not the pace of a body.
bool may_pause(const RequestHead& request);

}  // namespace http
