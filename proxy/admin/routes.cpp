#include "proxy/admin/routes.hpp"

#include "proxy/admin/page.hpp"
#include "proxy/base/ascii.hpp"
#include "proxy/routing/route_match.hpp"

namespace admin {
namespace {

constexpr std::string_view how_to_change =
    "refused: what changes something needs `content-type: application/json` or `x-outrider: 1`, "
    "and "
    "must not be sent by a page of another site\n";

bool is_read(http::Method method) {
  return method == http::Method::get || method == http::Method::head;
}

bool matches(std::string_view pattern, std::string_view path) {
  if (!pattern.ends_with("/*")) return pattern == path;
  return path.starts_with(pattern.substr(0, pattern.size() - 1)) && path.size() >= pattern.size();
}

bool matches(http::Method wanted, http::Method asked) {
  return wanted == asked || (is_read(wanted) && is_read(asked));
}

// By what browsers say; others say nothing.
bool is_of_another_site(const http::Request& request) {
  const auto site = request.headers.find("sec-fetch-site");
  if (site && *site != "same-origin" && *site != "none") return true;
  const auto origin = request.headers.find("origin");
  return origin && *origin != "http://" + std::string(request.authority);
}

// Either is more than a page may add to a form.
bool is_meant(const http::Request& request) {
  const auto mark = request.headers.find("x-outrider");
  if (mark && *mark == "1") return true;
  const auto type = request.headers.find(http::Name::content_type);
  return type &&
         base::same_ignoring_case(base::trim(type->substr(0, type->find(';'))), "application/json");
}

// In a time that says nothing of where they differ.
bool is_same_secret(std::string_view a, std::string_view b) {
  unsigned differences = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < a.size(); ++i)
    differences |= static_cast<unsigned>(a[i] ^ b[i % b.size()]);
  return differences == 0;
}

bool bears(const http::Request& request, std::string_view token) {
  constexpr std::string_view scheme = "Bearer ";
  const auto field = request.headers.find("authorization");
  return field && base::same_ignoring_case(field->substr(0, scheme.size()), scheme) &&
         is_same_secret(base::trim(field->substr(scheme.size())), token);
}

// It knows nothing by itself, and asks its reader for the token.
bool is_page(const http::Request& request) {
  return is_read(request.method) && request.path_only() == "/" && wants_page(request);
}

http::Response unauthorized() {
  http::Response response = say(401, "refused: this needs `authorization: Bearer TOKEN`\n");
  response.headers.add("www-authenticate", "Bearer");
  return response;
}

}  // namespace

http::Response say(int status, std::string_view text, std::string_view type) {
  http::Response response;
  response.status = status;
  response.is_from_upstream = false;
  response.headers.add(http::Name::content_type, type);
  response.headers.add(http::Name::content_length, std::to_string(text.size()));
  response.headers.add("cache-control", "no-store");
  response.body = http::Body::of(base::Bytes::copy_of(text));
  return response;
}

http::Task<http::Reply> Routes::handle(http::Request& request) {
  const std::string_view path = request.path_only();
  std::string allowed;
  for (const AdminRoute& route : table_) {
    if (!matches(route.path, path)) continue;
    if (matches(route.method, request.method))
      return route.answer ? route.answer(request)
                          : http::Reply(wants_page(request) ? page() : say(200, index()));
    if (!allowed.empty()) allowed += ", ";
    allowed += is_read(route.method) ? "GET, HEAD" : std::string(http::to_string(route.method));
  }
  if (allowed.empty()) return http::Reply(say(404, "not found\n"));
  http::Response refused = say(405, "method not allowed\n");
  refused.headers.add("allow", allowed);
  return http::Reply(std::move(refused));
}

std::string Routes::index() const {
  std::string text = "outrider\n\n";
  for (const AdminRoute& route : table_) {
    if (!route.answer || route.doc.empty()) continue;
    std::string what = std::string(http::to_string(route.method)).append(" ").append(route.path);
    what.resize(std::max<std::size_t>(what.size() + 2, 22), ' ');
    text.append(what).append(route.doc).append("\n");
  }
  return text;
}

http::Task<http::Reply> SiteGuard::handle(http::Request& request, http::Next next) {
  if (!token_.empty()) {
    if (!bears(request, token_) && !is_page(request)) return http::Reply(unauthorized());
  } else if (!is_known_host(request.authority)) {
    return http::Reply(say(403, "unknown host\n"));
  }
  if (!is_read(request.method) && (is_of_another_site(request) || !is_meant(request)))
    return http::Reply(say(403, how_to_change));
  return next(request);
}

bool SiteGuard::is_known_host(std::string_view authority) const {
  char buffer[256];
  const std::string_view host = routing::host_of(authority, buffer, sizeof buffer);
  return ip_.empty() || host == "localhost" || host == ip_ || host == "127.0.0.1" || host == "::1";
}

}  // namespace admin
