// Which fields may follow a body (RFC 9110 6.5.1), in either version of HTTP. Pure.
#pragma once

#include <string_view>

namespace http {

// False for what frames, routes, authenticates or says who is forwarded for: such a field is dropped
// when it comes behind the body. `name` in lower case.
bool may_be_trailer(std::string_view name);

}  // namespace http
