// What the tables say to a reader of the language, put in words: shared by the list of defaults,
// the reference and the schema. Pure.
#pragma once

#include "config/fields.hpp"

#include <string>
#include <string_view>

namespace config {

// What stands between a key and the rows within it.
enum class Between : std::uint8_t { nothing, names, dashes };
Between between(const Row& row);

// "one of json, text", or else its type.
std::string kind_of(const Row& row);
// "30s", or in words what it is; "" = absent unless written.
std::string default_of(const Row& row);
// Words, where a value cannot be given: "the host name".
bool is_in_words(std::string_view fallback);

}  // namespace config
