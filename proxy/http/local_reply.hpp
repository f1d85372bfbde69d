// From an Error to the answer that the client gets: the only place that picks a status. The same
// reason stands in the status, in proxy-status (RFC 9209), in the body (RFC 9457 or one line of text,
// for gRPC in trailers), in the log and in the metrics.
#pragma once

#include "proxy/http/message.hpp"
#include "proxy/http/rpc_form.hpp"

#include <string>

namespace http {

Response local_reply(const Error& error, Request& request);

// Behind the head of a gRPC answer that cannot be completed: the trailers that say why.
Headers closing_trailers(const Error& error, const StreamInfo& info);
// The same in the body, for a stream of gRPC-Web or Connect.
std::string closing_envelope(const Error& error, RpcForm form, const StreamInfo& info);

int status_of(const Error& error);
int grpc_status_of(const Error& error);

}  // namespace http
