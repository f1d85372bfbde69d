#include "proxy/http/max_forwards.hpp"

#include "proxy/base/ascii.hpp"

#include <cstdint>
#include <limits>
#include <string>

namespace http {
namespace {

constexpr std::string_view field_name = "max-forwards";

// None if it is no number, which says nothing to anybody.
std::optional<std::uint32_t> hops_left(const Headers& headers) {
  const auto text = headers.find(field_name);
  if (!text || text->empty() || text->find_first_not_of("0123456789") != text->npos)
    return std::nullopt;
  return base::parse_decimal<std::uint32_t>(*text).value_or(
      std::numeric_limits<std::uint32_t>::max());
}

bool is_secret(std::string_view name) {
  return name == "authorization" || name == "proxy-authorization" || name == "cookie";
}

std::string as_message(const RequestHead& request) {
  std::string text("TRACE ");
  text.append(request.path).append(" HTTP/1.1\r\nhost: ").append(request.authority).append("\r\n");
  for (const Headers::Field field : request.headers)
    if (!is_secret(field.name))
      text.append(field.name).append(": ").append(field.value).append("\r\n");
  return text += "\r\n";
}

}  // namespace

std::optional<Response> answer_of_last(RequestHead& request) {
  const std::optional<std::uint32_t> left = hops_left(request.headers);
  if (!left) return std::nullopt;
  if (*left > 0) {
    request.headers.set(field_name, std::to_string(*left - 1));
    return std::nullopt;
  }
  Response answer;
  answer.status = 200;
  answer.is_from_upstream = false;
  const std::string text = request.method == Method::trace ? as_message(request) : "";
  answer.headers.add(Name::content_length, std::to_string(text.size()));
  if (!text.empty()) {
    answer.headers.add(Name::content_type, "message/http");
    answer.body = Body::of(base::Bytes::copy_of(text));
  }
  return answer;
}

}  // namespace http
