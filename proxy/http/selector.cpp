#include "proxy/http/selector.hpp"

#include "proxy/base/ascii.hpp"
#include "proxy/base/field_names.hpp"

#include <algorithm>
#include <utility>

namespace http {
namespace {

constexpr std::size_t prefix_64 = 8;  // bytes

bool is_ipv4(const base::Address& address) {
  constexpr std::uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::equal(std::begin(mapped), std::end(mapped), address.bytes());
}

// All clients of a Unix socket are one.
std::string_view network_of(const base::Address& address) {
  if (!address.is_ip()) return {};
  const auto* bytes = reinterpret_cast<const char*>(address.bytes());
  return {bytes, is_ipv4(address) ? 2 * prefix_64 : prefix_64};
}

// RFC 6265 4.2.1. The first of that name.
std::optional<std::string_view> cookie(const Headers& headers, std::string_view name) {
  if (!headers.may_contain({Name::cookie})) return std::nullopt;
  for (const Headers::Field field : headers) {
    if (field.id != Name::cookie) continue;
    for (std::string_view rest = field.value; !rest.empty();) {
      const std::size_t end = std::min(rest.find(';'), rest.size());
      const std::string_view pair = base::trim(rest.substr(0, end));
      if (pair.size() > name.size() && pair[name.size()] == '=' && pair.starts_with(name))
        return pair.substr(name.size() + 1);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return std::nullopt;
}

}  // namespace

Selector::Parsed Selector::parse(std::string_view text) {
  constexpr std::string_view header = "header:";
  constexpr std::string_view cookie = "cookie:";
  const auto named = [&](Kind kind, std::string_view name) -> Parsed {
    if (!base::is_token(name))
      return {std::nullopt, "\"" + std::string(text) + "\" has no name: write header:NAME"};
    return {Selector(kind, kind == Kind::header ? base::lower_case(name) : std::string(name)), {}};
  };
  if (text.starts_with(header)) return named(Kind::header, text.substr(header.size()));
  if (text.starts_with(cookie)) return named(Kind::cookie, text.substr(cookie.size()));
  constexpr std::pair<std::string_view, Kind> words[] = {{"source_ip", Kind::source_ip},
                                                         {"route", Kind::route},
                                                         {"cluster", Kind::cluster},
                                                         {"path", Kind::path}};
  for (const auto& [word, kind] : words)
    if (text == word) return {Selector(kind, {}), {}};
  return {std::nullopt, "\"" + std::string(text) +
                            "\" selects nothing: there are header:NAME, cookie:NAME, source_ip, "
                            "route, cluster and path"};
}

std::optional<std::string_view> Selector::of(const Request& request) const {
  switch (kind_) {
    case Kind::header:
      // Where a request keeps its host.
      if (name_ == "host") return request.authority.view();
      return request.headers.find(name_);
    case Kind::cookie:
      return cookie(request.headers, name_);
    case Kind::source_ip:
      return network_of(request.info.source());
    case Kind::route:
      return request.info.route;
    case Kind::cluster:
      return request.info.cluster;
    case Kind::path:
      return request.path_only();
  }
  return std::nullopt;
}

}  // namespace http
