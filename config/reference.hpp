// The language as a page for people, in Markdown, out of the tables: config/REFERENCE.md.
#pragma once

#include "config/filter_spec.hpp"

#include <string>
#include <vector>

namespace config {

std::string print_reference(const std::vector<const FilterSpec*>& filters);

}  // namespace config
