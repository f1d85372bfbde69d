#include "proxy/http/trailers.hpp"

#include "proxy/http/headers.hpp"

namespace http {

bool may_be_trailer(std::string_view name) {
  switch (known_name(name)) {
    case Name::authorization:
    case Name::connection:
    case Name::content_length:
    case Name::content_type:
    case Name::cookie:
    case Name::expect:
    case Name::forwarded:
    case Name::host:
    case Name::keep_alive:
    case Name::proxy_authenticate:
    case Name::proxy_authorization:
    case Name::proxy_connection:
    case Name::range:
    case Name::set_cookie:
    case Name::te:
    case Name::trailer:
    case Name::transfer_encoding:
    case Name::upgrade:
    case Name::via:
    case Name::x_real_ip:
    case Name::x_request_id:
      return false;
    default:
      return !name.starts_with("x-forwarded-") && name.find('_') == name.npos &&
             name != "content-encoding" && name != "content-range";
  }
}

}  // namespace http
