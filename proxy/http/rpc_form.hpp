// Remote procedure calls have forms of their own for telling that they failed: gRPC in its fields,
// gRPC-Web in its body, Connect in JSON. Which one a request asks for, and how it is written. Pure.
#pragma once

#include "proxy/http/message.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace http {

enum class RpcForm : std::uint8_t {
  none,  // it is no such call
  grpc,
  grpc_web,
  grpc_web_text,   // the same in base64
  connect_unary,   // one message each way, unframed
  connect_stream,  // messages in envelopes
};

RpcForm rpc_form(const RequestHead& request);

struct RpcError {
  int status;                // gRPC's
  std::string_view message;  // for people
};

// Makes the response say so, all of it: its status too, but for Connect's unary form, in which that
// is the failure's.
void tell_rpc_error(const RpcError& error, RpcForm form, const Headers& request,
                    Response& response);

// Whether an envelope with these flags is the one that ends the stream.
bool closes_stream(unsigned flags, RpcForm form);

// What says so in the body of gRPC-Web and Connect, behind the last message.
std::string closing_envelope(const RpcError& error, RpcForm form);

// The two fields of gRPC, for a head or for trailers.
void say_grpc_status(Headers& headers, const RpcError& error);

}  // namespace http
