// Which header fields a configuration may have a filter write. Pure.
#pragma once

#include <string>
#include <string_view>

namespace filters {

// Why not, or "". `name` in lower case.
std::string forbidden(std::string_view name);

}  // namespace filters
