// What a key, a filter or a word that nobody knows was probably meant to be. Nothing that is not
// built is ever proposed.
#pragma once

#include "config/read.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace config {

struct Key {
  std::string_view name;
  bool is_built = true;
};

// The map with misspelt keys, each reported, as they were meant, so that what stands below them is
// judged as well, and nothing is said to be missing that is only misspelt. Keys without a meaning
// are left out.
Node corrected(const Node& node, const Reading& reading, const std::vector<Key>& keys);

std::string unknown_filter(std::string_view name, const Reading& reading);

// The scalar as it would be written within braces.
std::string in_braces(const Node& scalar);
std::string in_braces(std::string_view written);

}  // namespace config
