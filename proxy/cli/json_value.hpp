// JSON that the admin side sent, for those who show it to people: what is not there is empty or 0.
#pragma once

#include <boost/json/value.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace cli {

using Json = boost::json::value;

// null if it is no JSON.
Json parse_json(std::string_view text);

// Of an object; null if it has no such member or is none.
const Json& member(const Json& of, std::string_view name);
const boost::json::array& items(const Json& of, std::string_view name);
// Texts as they are, numbers as they would be written; "" = absent. Without bytes that a terminal
// obeys.
std::string text(const Json& of, std::string_view name);
std::int64_t number(const Json& of, std::string_view name);

}  // namespace cli
