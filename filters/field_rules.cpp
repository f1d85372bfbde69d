#include "filters/field_rules.hpp"

#include "proxy/http/headers.hpp"
#include "proxy/http/target.hpp"

namespace filters {

std::string forbidden(std::string_view name) {
  if (!http::valid_field_name(name)) return "\"" + std::string(name) + "\" is not a field name";
  switch (http::known_name(name)) {
    case http::Name::host:
      return "host is changed by `rewrite: {host: ...}` of a route";
    case http::Name::connection:
    case http::Name::content_length:
    case http::Name::keep_alive:
    case http::Name::proxy_connection:
    case http::Name::te:
    case http::Name::trailer:
    case http::Name::transfer_encoding:
    case http::Name::upgrade:
      return std::string(name) + " belongs to the connection: the proxy alone writes it";
    default:
      return {};
  }
}

}  // namespace filters
