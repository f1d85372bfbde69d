#include "proxy/http/hop_by_hop.hpp"

#include "proxy/base/ascii.hpp"
#include "proxy/base/field_names.hpp"

#include <algorithm>
#include <vector>

namespace http {
namespace {

const NameSet of_connection = [] {
  NameSet names;
  for (const std::string_view name : base::connection_fields) names.add(known_name(name));
  return names;
}();

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
    case Name::traceparent:
    case Name::tracestate:
      return true;
    default:
      return field.name.starts_with("x-forwarded-");
  }
}

// Whether `connection` names anything but what is removed anyway.
bool names_more(const Headers& headers) {
  if (!headers.may_contain({Name::connection})) return false;
  bool more = false;
  for (const Headers::Field field : headers) {
    if (field.id != Name::connection) continue;
    base::for_each_element(field.value, [&](std::string_view element) {
      more = more ||
             !(base::same_ignoring_case(element, "close") || base::is_connection_field(element));
      return !more;
    });
  }
  return more;
}

// A field that `connection` may take away.
struct Candidate {
  std::string_view name;
  bool is_named = false;
};

std::vector<Candidate>::iterator find(std::vector<Candidate>& sorted, std::string_view name) {
  const auto at = std::lower_bound(
      sorted.begin(), sorted.end(), name,
      [](const Candidate& each, std::string_view wanted) { return each.name < wanted; });
  return at != sorted.end() && at->name == name ? at : sorted.end();
}

// `connection` may name thousands: each is looked up once among the fields that are there.
void remove_named(Headers& headers) {
  if (!names_more(headers)) return;
  const Headers before = headers;  // holds the names
  std::vector<Candidate> candidates;
  for (const Headers::Field field : before)
    if (!is_protected(field) && field.id != Name::connection) candidates.push_back({field.name});
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate& a, const Candidate& b) { return a.name < b.name; });
  for (const Headers::Field field : before) {
    if (field.id != Name::connection) continue;
    base::for_each_element(field.value, [&](std::string_view element) {
      const auto named = find(candidates, base::lower_case(element));
      if (named != candidates.end()) named->is_named = true;
      return true;
    });
  }
  headers.remove_if([&](const Headers::Field& field) {
    const auto candidate = find(candidates, field.name);
    return candidate != candidates.end() && candidate->is_named;
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
