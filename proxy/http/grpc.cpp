#include "proxy/http/grpc.hpp"

#include "proxy/base/ascii.hpp"

#include <algorithm>
#include <cstdint>

namespace http {
namespace {

constexpr std::string_view content_type = "application/grpc";
constexpr std::string_view web = "-web";
constexpr std::size_t most_digits = 8;

std::optional<base::Duration> unit_of(char unit) {
  switch (unit) {
    case 'H':
      return std::chrono::hours{1};
    case 'M':
      return std::chrono::minutes{1};
    case 'S':
      return std::chrono::seconds{1};
    case 'm':
      return std::chrono::milliseconds{1};
    case 'u':
      return std::chrono::microseconds{1};
    case 'n':
      return std::chrono::nanoseconds{1};
    default:
      return std::nullopt;
  }
}

}  // namespace

bool is_grpc(const Headers& request) {
  const auto type = request.find(Name::content_type);
  if (!type || !base::same_ignoring_case(type->substr(0, content_type.size()), content_type))
    return false;
  const std::string_view rest = type->substr(content_type.size());
  return rest.empty() || rest.front() == '+' || rest.front() == ';' || rest.front() == '-';
}

std::optional<base::Duration> parse_grpc_timeout(std::string_view text) {
  if (text.size() < 2 || text.size() > most_digits + 1) return std::nullopt;
  const auto unit = unit_of(text.back());
  const auto count = base::parse_decimal<std::uint32_t>(text.substr(0, text.size() - 1));
  if (!unit || !count) return std::nullopt;
  constexpr base::Duration longest = std::chrono::hours{8760};
  if (*count > longest / *unit) return longest;
  return *unit * *count;
}

std::string grpc_timeout(base::Duration left) {
  const auto millis = std::chrono::duration_cast<base::Millis>(left).count();
  if (millis < 100'000'000) return std::to_string(std::max<std::int64_t>(millis, 1)) + 'm';
  return std::to_string(millis / 1000) + 'S';
}

std::string grpc_message(std::string_view text) {
  constexpr char digits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '%') {
      encoded += c;
    } else {
      encoded += '%';
      encoded += digits[byte >> 4];
      encoded += digits[byte & 15];
    }
  }
  return encoded;
}

int http_status_of_grpc(int status) {
  switch (status) {
    case 0:
      return 200;
    case 2:   // unknown
    case 13:  // internal
    case 15:  // data_loss
      return 500;
    case 4:  // deadline_exceeded
      return 504;
    case 8:  // resource_exhausted
      return 429;
    case 12:  // unimplemented
      return 501;
    case 14:  // unavailable
      return 503;
    case 16:  // unauthenticated
      return 401;
    case 7:  // permission_denied
      return 403;
    default:
      return 400;
  }
}

int grpc_status_of_reset(std::uint32_t code) {
  switch (code) {
    case 7:  // REFUSED_STREAM
      return 14;
    case 8:  // CANCEL
      return 1;
    case 3:   // FLOW_CONTROL_ERROR
    case 11:  // ENHANCE_YOUR_CALM
      return 8;
    case 12:  // INADEQUATE_SECURITY
      return 7;
    default:
      return 13;
  }
}

bool has_status_in_fields(const Headers& message) {
  if (!is_grpc(message)) return false;
  const std::string_view subtype = message.find(Name::content_type)->substr(content_type.size());
  return !base::same_ignoring_case(subtype.substr(0, web.size()), web);
}

int grpc_status_in(const Headers& headers, int otherwise) {
  const auto text = headers.find(Name::grpc_status);
  const auto status = text ? base::parse_decimal<std::uint16_t>(*text) : std::nullopt;
  return status ? *status : otherwise;
}

int grpc_status_of(const Response& response) {
  return grpc_status_in(response.headers, response.trailing_grpc_status);
}

int status_by_meaning(const Response& response) {
  const int grpc = grpc_status_of(response);
  return grpc < 0 ? response.status : http_status_of_grpc(grpc);
}

}  // namespace http
