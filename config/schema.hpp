// The language as a JSON Schema (2020-12) for editors and checkers, out of the tables. What it
// refuses the loader refuses; the loader knows more.
#pragma once

#include "config/filter_spec.hpp"

#include <string>
#include <vector>

namespace config {

std::string print_schema(const std::vector<const FilterSpec*>& filters);

}  // namespace config
