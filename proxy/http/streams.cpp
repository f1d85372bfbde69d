#include "proxy/http/streams.hpp"

#include "proxy/base/ascii.hpp"
#include "proxy/http/final_head.hpp"
#include "proxy/http/grpc.hpp"

namespace http {
namespace {

constexpr std::uint64_t large_message = 1024 * 1024;
constexpr std::string_view connect_stream = "application/connect+";
constexpr std::string_view event_stream = "text/event-stream";

std::optional<std::uint64_t> length_of(const Headers& headers) {
  const auto text = headers.find(Name::content_length);
  return text ? base::parse_decimal<std::uint64_t>(*text) : std::nullopt;
}

}  // namespace

bool may_pause(const RequestHead& request) {
  if (is_grpc(request.headers)) return true;
  const auto type = request.headers.find(Name::content_type);
  return type && base::same_ignoring_case(type->substr(0, connect_stream.size()), connect_stream);
}

bool is_stream(const RequestHead& request) {
  return may_pause(request) || length_of(request.headers).value_or(0) > large_message;
}

bool is_stream(const RequestHead& request, const Response& response) {
  if (opens_tunnel(response.status, request.method)) return true;
  const auto length = length_of(response.headers);
  if (length ? *length > large_message : !response.body.is_empty()) return true;
  const auto type = response.headers.find(Name::content_type);
  return type && base::same_ignoring_case(type->substr(0, event_stream.size()), event_stream);
}

}  // namespace http
