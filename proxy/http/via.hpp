// The `via` field: who passed a request on, and so whether it came back to where it was. Each
// listener has a pseudonym of its own. Any thread.
#pragma once

#include "proxy/http/headers.hpp"

#include <string>
#include <string_view>

namespace http {

// "1a2b3c4d-NAME", the digits drawn once a process.
std::string pseudonym(std::string_view process_digits, std::string_view listener);
// Eight hexadecimal digits by chance.
std::string random_digits();

// Whether one of the `via` fields names the pseudonym as its received-by.
bool has_passed(const http::Headers& headers, std::string_view pseudonym);
// The received-by of who passed it on last, before the one of that pseudonym; "" = nobody.
std::string_view passed_on_by(const http::Headers& headers, std::string_view before);

}  // namespace http
