// Status codes (RFC 9110 15 and its registry).
#pragma once

#include <string_view>

namespace http {

std::string_view reason_phrase(int status);  // "" for one that is not registered

}  // namespace http
