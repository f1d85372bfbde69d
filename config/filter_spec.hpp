// What the loader has to know of a filter: its name and how its options are read. Each filter
// defines its own; the registry hands the loader a table of them.
#pragma once

#include "config/fields.hpp"

#include <memory>
#include <string_view>

namespace config {

struct FilterSpec {
  std::string_view name;
  std::string_view doc;
  bool is_once_per_path = false;  // at most once on any path listener + route + cluster
  bool is_built = true;           // false: known, "not yet in this version"
  // An options struct of the filter's own, read from a map (an empty one for `- name`).
  std::shared_ptr<const void> (*read)(const Node& node, const Context& context) = nullptr;
  // Whether the options need something that a listener cannot give ({route}, {cluster}).
  bool (*needs_route)(const void* options) = nullptr;
};

// For FilterSpec::read: Options by their table, then `check` for what spans several fields.
template <typename Options>
std::shared_ptr<const void> read_options(const Node& node, const Context& context,
                                         const Table<Options>& table) {
  auto options = std::make_shared<Options>();
  read_table(node, context, table, *options);
  return options;
}

}  // namespace config
