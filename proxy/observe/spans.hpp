// The spans of an exchange that is over, in the JSON of OTLP (ProtoJSON: ids are hexadecimal, 64-bit
// numbers are texts), named as OpenTelemetry's semantic conventions for HTTP and RPC have it. Pure.
#pragma once

#include "proxy/http/message.hpp"
#include "proxy/observe/access_log.hpp"

#include <functional>
#include <string_view>

namespace observe {

using VisitSpan = std::function<void(std::string_view)>;

// One line with its newline each: the server's, then a client's for each attempt.
void for_each_span(const http::RequestHead& head, const http::StreamInfo& info,
                   const AccessRecord& record, const VisitSpan& visit);
// Of a copy, which nobody but the proxy asked for: a client's for each attempt.
void for_each_span_of_mirror(const http::StreamInfo& info, const AccessRecord& record,
                             const VisitSpan& visit);

}  // namespace observe
