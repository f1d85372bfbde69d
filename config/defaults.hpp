// The language as a file for people: every key with its default and its purpose, out of the tables.
#pragma once

#include "config/filter_spec.hpp"

#include <string>
#include <vector>

namespace config {

// These rows alone, each with its default and what it is for.
std::string print_rows(const std::vector<Row>& rows);
std::string print_defaults(const std::vector<const FilterSpec*>& filters);

}  // namespace config
