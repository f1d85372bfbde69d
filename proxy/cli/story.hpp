// An exchange that went badly, told to a person: what was asked, what became of each attempt, and
// who decided. Pure.
#pragma once

#include "proxy/cli/json_value.hpp"

#include <string>

namespace cli {

// Of a member of `requests`, as GET /requests has it.
std::string story_of(const Json& exchange);
// In one line.
std::string summary_of(const Json& exchange);

}  // namespace cli
