// Status codes (RFC 9110 15 and its registry).
#pragma once

#include <string_view>

namespace http {

// Of one exchange, before its final response.
constexpr int most_interim = 16;  // 1xx

std::string_view reason_phrase(int status);  // "" for one that is not registered

}  // namespace http
