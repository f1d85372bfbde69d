#include "proxy/http/rpc_form.hpp"

#include "proxy/base/ascii.hpp"
#include "proxy/base/grpc_status.hpp"
#include "proxy/base/json.hpp"
#include "proxy/http/envelopes.hpp"
#include "proxy/http/grpc.hpp"

#include <string>

namespace http {
namespace {

// The flags of the envelope that ends a stream.
constexpr char web_trailers = '\x80';
constexpr char connect_end = '\x02';

bool begins_with(std::string_view text, std::string_view prefix) {
  return base::same_ignoring_case(text.substr(0, prefix.size()), prefix);
}

// Connect's requests by GET say it in their query.
bool says_connect(const RequestHead& request) {
  if (request.headers.contains("connect-protocol-version")) return true;
  if (request.method != Method::get) return false;
  const std::string_view path = request.path;
  const std::size_t query = path.find('?');
  if (query == path.npos) return false;
  const std::string parameters = '&' + std::string(path.substr(query + 1)) + '&';
  return parameters.find("&connect=v1&") != parameters.npos;
}

std::string base64(std::string_view bytes) {
  constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t group = 0;
    for (std::size_t i = at; i < at + 3; ++i)
      group = group << 8 | (i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0u);
    for (int shift = 18; shift >= 0; shift -= 6) text += digits[group >> shift & 63];
  }
  const std::size_t rest = bytes.size() % 3;
  if (rest != 0) text.replace(text.size() - (3 - rest), 3 - rest, 3 - rest, '=');
  return text;
}

std::string web_error(const RpcError& error) {
  return envelope(web_trailers, "grpc-status: " + std::to_string(error.status) +
                                    "\r\ngrpc-message: " + grpc_message(error.message) + "\r\n");
}

// As gRPC's names, but for one letter.
std::string_view connect_code(int status) {
  return status == 1 ? "canceled" : base::grpc_status_name(status);
}

void write_connect_error(base::JsonWriter& json, const RpcError& error) {
  json.open('{').text("code", connect_code(error.status));
  json.text("message", error.message).close('}');
}

std::string connect_error(const RpcError& error, RpcForm form) {
  base::JsonWriter json;
  if (form == RpcForm::connect_unary) {
    write_connect_error(json, error);
    return json.take();
  }
  json.open('{').key("error");
  write_connect_error(json, error);
  return envelope(connect_end, json.close('}').take());
}

}  // namespace

RpcForm rpc_form(const RequestHead& request) {
  const std::string_view type =
      request.headers.find(Name::content_type).value_or(std::string_view());
  if (begins_with(type, "application/grpc-web-text")) return RpcForm::grpc_web_text;
  if (begins_with(type, "application/grpc-web")) return RpcForm::grpc_web;
  if (is_grpc(request.headers)) return RpcForm::grpc;
  if (begins_with(type, "application/connect+")) return RpcForm::connect_stream;
  return says_connect(request) ? RpcForm::connect_unary : RpcForm::none;
}

bool closes_stream(unsigned flags, RpcForm form) {
  const char closing = form == RpcForm::connect_stream ? connect_end : web_trailers;
  return (flags & static_cast<unsigned char>(closing)) != 0;
}

std::string closing_envelope(const RpcError& error, RpcForm form) {
  if (form == RpcForm::grpc_web) return web_error(error);
  if (form == RpcForm::grpc_web_text) return base64(web_error(error));
  return connect_error(error, form);
}

void say_grpc_status(Headers& headers, const RpcError& error) {
  headers.add(Name::grpc_status, std::to_string(error.status));
  headers.add(Name::grpc_message, grpc_message(error.message));
}

void tell_rpc_error(const RpcError& error, RpcForm form, const Headers& request,
                    Response& response) {
  if (form == RpcForm::connect_unary) {
    response.headers.add(Name::content_type, "application/json");
  } else {
    response.status = 200;
    response.headers.add(Name::content_type, *request.find(Name::content_type));
  }
  if (form == RpcForm::grpc) return say_grpc_status(response.headers, error);
  response.trailing_grpc_status = error.status;
  const std::string body = closing_envelope(error, form);
  response.headers.add(Name::content_length, std::to_string(body.size()));
  response.body = Body::of(Bytes::copy_of(body));
}

}  // namespace http
