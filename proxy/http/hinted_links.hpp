// Of a `link` field's value (RFC 8288) the links that help a client before its answer has come:
// those whose rel says preload or preconnect (RFC 8297). Pure.
#pragma once

#include <string_view>
#include <vector>

namespace http {

// As they are written, without the commas between. What is no link is left out.
std::vector<std::string_view> hinted_links(std::string_view value);

}  // namespace http
