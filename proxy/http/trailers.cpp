#include "proxy/http/trailers.hpp"

#include "proxy/base/field_names.hpp"
#include "proxy/http/headers.hpp"

namespace http {

bool may_be_trailer(std::string_view name) {
  switch (known_name(name)) {
    case Name::authorization:
    case Name::content_length:
    case Name::content_type:
    case Name::cookie:
    case Name::expect:
    case Name::forwarded:
    case Name::host:
    case Name::proxy_authenticate:
    case Name::proxy_authorization:
    case Name::range:
    case Name::set_cookie:
    case Name::via:
    case Name::x_real_ip:
    case Name::x_request_id:
      return false;
    default:
      return !base::is_connection_field(name) && !name.starts_with("x-forwarded-") &&
             name.find('_') == name.npos && name != "content-encoding" && name != "content-range";
  }
}

}  // namespace http
