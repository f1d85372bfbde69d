#include "proxy/routing/route_match.hpp"

#include "proxy/base/ascii.hpp"
#include "proxy/base/percent.hpp"
#include "proxy/http/grpc.hpp"

#include <algorithm>

namespace routing {
namespace {

constexpr std::string_view any_below = "/*";

// Whether `encoded`, decoded as a form's field is, reads `plain`.
bool decodes_to(std::string_view encoded, std::string_view plain) {
  std::size_t at = 0;
  for (std::size_t i = 0; i < encoded.size(); ++i, ++at) {
    char c = encoded[i] == '+' ? ' ' : encoded[i];
    if (const int byte = base::escaped_byte(encoded, i); byte >= 0) {
      c = static_cast<char>(byte);
      i += 2;
    }
    if (at >= plain.size() || plain[at] != c) return false;
  }
  return at == plain.size();
}

bool has_parameter(std::string_view query, std::string_view name, std::string_view value) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    if (!decodes_to(pair.substr(0, equals), name)) continue;
    const std::string_view given = pair.substr(std::min(equals + 1, pair.size()));
    if (value == "*" || decodes_to(given, value)) return true;
  }
  return false;
}

}  // namespace

std::string_view host_of(std::string_view authority, char* buffer, std::size_t capacity) {
  if (authority.starts_with('[')) {
    authority = authority.substr(1, authority.find(']') - 1);
  } else {
    authority = authority.substr(0, authority.find(':'));
  }
  if (authority.ends_with('.')) authority.remove_suffix(1);
  if (authority.size() > capacity) return {};
  std::transform(authority.begin(), authority.end(), buffer, base::to_lower);
  return {buffer, authority.size()};
}

MatchInput::MatchInput(const http::RequestHead& of) : head(of), path(of.path) {
  const std::size_t mark = path.find('?');
  if (mark == path.npos) return;
  query = path.substr(mark + 1);
  path = path.substr(0, mark);
}

std::optional<std::string_view> prefix_of(std::string_view path) {
  if (!path.ends_with(any_below)) return std::nullopt;
  return path.substr(0, path.size() - any_below.size());
}

RouteMatch::RouteMatch(MatchSpec spec) : spec_(std::move(spec)) {
  if (spec_.path_regex.empty()) return;
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_never_nl(false);
  regex_ = std::make_unique<re2::RE2>(spec_.path_regex, options);
}

std::string_view RouteMatch::rest_of(std::string_view path) const {
  for (const std::string& wanted : spec_.paths) {
    const auto prefix = prefix_of(wanted);
    if (!prefix || !path.starts_with(*prefix)) continue;
    const std::string_view rest = path.substr(prefix->size());
    if (rest.empty() || rest.starts_with('/')) return rest;
  }
  return {};
}

bool RouteMatch::accepts_method(const http::RequestHead& head) const {
  if (spec_.methods.empty()) return true;
  return std::find(spec_.methods.begin(), spec_.methods.end(), head.method_text()) !=
         spec_.methods.end();
}

bool RouteMatch::accepts_headers(const http::Headers& headers) const {
  for (const auto& [name, value] : spec_.headers) {
    bool is_found = false;
    for (const http::Headers::Field field : headers)
      is_found = is_found || (field.name == name && (value == "*" || field.value == value));
    if (!is_found) return false;
  }
  return true;
}

bool RouteMatch::accepts(const MatchInput& input) const {
  if (!accepts_method(input.head)) return false;
  // Bytes that reach a tunnel go where a route says so, never where a catch-all happens to.
  if (input.head.method == http::Method::connect && spec_.methods.empty()) return false;
  if (spec_.is_grpc && !http::is_grpc(input.head.headers)) return false;
  if (!accepts_headers(input.head.headers)) return false;
  for (const auto& [name, value] : spec_.query)
    if (!has_parameter(input.query, name, value)) return false;
  return !regex_ || re2::RE2::PartialMatch({input.path.data(), input.path.size()}, *regex_);
}

}  // namespace routing
