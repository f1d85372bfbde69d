#include "proxy/http/hop_by_hop.hpp"

#include <algorithm>
#include <array>

#include "proxy/base/ascii.hpp"

namespace http {
namespace {

constexpr NameSet of_connection = {
    Name::connection,        Name::keep_alive, Name::proxy_connection, Name::te, Name::trailer,
    Name::transfer_encoding, Name::upgrade,    Name::http2_settings,
};

bool has_underscore(const Headers::Field& field) {
  return field.id == Name::other && field.name.find('_') != field.name.npos;
}

// Identity, authority and tracing: not a client's to take away.
bool is_protected(const Headers::Field& field) {
  switch (field.id) {
    case Name::host:
    case Name::content_length:
    case Name::authorization:
    case Name::cookie:
    case Name::set_cookie:
    case Name::forwarded:
    case Name::x_forwarded_for:
    case Name::x_forwarded_host:
    case Name::x_forwarded_proto:
    case Name::x_real_ip:
    case Name::x_request_id:
    case Name::via:
      return true;
    default:
      return field.name == "traceparent" || field.name == "tracestate" ||
             field.name.starts_with("x-forwarded-");
  }
}

bool is_named(const Headers& headers, std::string_view name) {
  bool found = false;
  for (const Headers::Field field : headers) {
    if (field.id != Name::connection) continue;
    base::for_each_element(field.value, [&](std::string_view element) {
      found = found || base::same_ignoring_case(element, name);
      return !found;
    });
  }
  return found;
}

// Whether `connection` names anything but what is removed anyway.
bool names_more(const Headers& headers) {
  if (!headers.may_contain({Name::connection})) return false;
  constexpr std::array<std::string_view, 5> usual = {"close", "keep-alive", "te", "upgrade",
                                                     "http2-settings"};
  bool more = false;
  for (const Headers::Field field : headers) {
    if (field.id != Name::connection) continue;
    base::for_each_element(field.value, [&](std::string_view element) {
      more = more || std::none_of(usual.begin(), usual.end(), [element](std::string_view name) {
               return base::same_ignoring_case(name, element);
             });
      return !more;
    });
  }
  return more;
}

void remove_named(Headers& headers) {
  if (!names_more(headers)) return;
  const Headers before = headers;
  headers.remove_if([&before](const Headers::Field& field) {
    return !is_protected(field) && field.id != Name::connection && is_named(before, field.name);
  });
}

bool wants_trailers(const Headers& headers) {
  if (!headers.may_contain({Name::te})) return false;
  bool wants = false;
  for (const Headers::Field field : headers) {
    if (field.id != Name::te) continue;
    base::for_each_element(field.value, [&](std::string_view element) {
      wants = wants || base::same_ignoring_case(element, "trailers");
      return !wants;
    });
  }
  return wants;
}

}  // namespace

void clean_request(RequestHead& head) {
  head.accepts_trailers = wants_trailers(head.headers);
  remove_named(head.headers);
  head.headers.remove_if([](const Headers::Field& field) {
    return of_connection.has(field.id) || field.id == Name::proxy_authorization ||
           has_underscore(field);
  });
}

void clean_response(Headers& headers) {
  if (!headers.may_contain(of_connection)) return;
  remove_named(headers);
  headers.remove_if([](const Headers::Field& field) { return of_connection.has(field.id); });
}

}  // namespace http
