#include "proxy/http/final_head.hpp"

#include "proxy/http/date_stamp.hpp"

namespace http {

bool opens_tunnel(int status, Method request) {
  if (request != Method::connect) return status == 101;
  return status >= 200 && status < 300;
}

bool may_have_content(int status, Method request) {
  return request != Method::head && status != 304 && may_have_length(status, request);
}

bool may_have_length(int status, Method request) {
  return status >= 200 && status != 204 && !opens_tunnel(status, request);
}

void complete_head(Response& response, Method request, base::WallTime now) {
  if (!response.headers.contains(Name::date)) response.headers.add(Name::date, date_at(now));
  if (!may_have_length(response.status, request)) response.headers.remove(Name::content_length);
  const bool is_tunnel = opens_tunnel(response.status, request);
  if (!is_tunnel && !may_have_content(response.status, request)) response.body = Body();
}

}  // namespace http
