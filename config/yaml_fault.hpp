// What a person did where the YAML parser gave up: its own words name a rule of the grammar, and
// often a line far below the cause.
#pragma once

#include "config/mistakes.hpp"

#include <string>

namespace config {

// `found`: where the parser stopped, and `words`: what it said.
Mistake yaml_fault(const Mark& found, const std::string& words);

// "url: http://a" for "url:http://a", or "": behind a key's colon stands a blank.
std::string with_blank(std::string_view text);

}  // namespace config
