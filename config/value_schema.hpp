// The types of the language as JSON Schema (2020-12), by their words in the tables: "a duration". A
// scalar's text is read by its field, so a number is also text of digits, and a variable may stand
// for any. Pure.
#pragma once

#include "config/fields.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace config {

struct TypeSchema {
  std::string_view type;    // as a table names it
  std::string_view schema;  // JSON
};

// All that the tables may name; a test says so.
const std::vector<TypeSchema>& type_schemas();
bool has_schema(std::string_view type);

// "duration" for "a duration": the name of its definition.
std::string definition_of(std::string_view type);

// Of a row without rows within: JSON.
std::string value_schema(const Row& row);

}  // namespace config
