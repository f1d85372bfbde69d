// Dates as HTTP writes them (RFC 9110 5.6.7). Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace http {

// All three forms: the present one and the two obsolete ones. `now`: what the two digits of a year
// in the second form mean: at most fifty years ahead of it.
std::optional<std::chrono::sys_seconds> parse_date(std::string_view text,
                                                   std::chrono::sys_seconds now);

}  // namespace http
