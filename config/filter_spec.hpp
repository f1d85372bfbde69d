// What the loader has to know of a filter: its name, and how its options are read and written. Each
// filter defines its own; the registry hands the loader a table of them.
#pragma once

#include "config/fields.hpp"

#include <memory>
#include <string_view>
#include <vector>

namespace config {

struct FilterSpec {
  std::string_view name;
  std::string_view doc;
  bool is_once_per_path = false;  // at most once on any path listener + route + cluster
  bool is_built = true;           // false: known, "not yet in this version"
  // An options struct of the filter's own, read from a map (an empty one for `- name`).
  std::shared_ptr<const void> (*read)(const Node& node, const Reading& reading) = nullptr;
  // What was written of the options (null = nothing), with the defaults.
  NodePtr (*write)(const NodePtr& written, const void* options) = nullptr;
  std::vector<Row> (*rows)() = nullptr;
  // Whether the options need something that a listener cannot give ({route}, {cluster}).
  bool (*needs_route)(const void* options) = nullptr;
  // What has a state of its own, "endpoint" or "route"; "" = the place where it stands.
  std::string_view (*scope)(const void* options) = nullptr;
  // The cluster that requests may be handed over to, besides the route's; "" = none.
  std::string_view (*hands_over_to)(const void* options) = nullptr;
};

template <typename Options> Options options_of(const Table<Options>& (*table)());

// Of a filter whose options have that table: `spec_of<table>("name", "what it does")`.
template <auto table> constexpr FilterSpec spec_of(std::string_view name, std::string_view doc) {
  using Options = decltype(options_of(table));
  FilterSpec spec{.name = name, .doc = doc};
  spec.read = [](const Node& node, const Reading& reading) -> std::shared_ptr<const void> {
    auto options = std::make_shared<Options>();
    read_table(node, reading, table(), *options);
    return options;
  };
  spec.write = [](const NodePtr& written, const void* options) {
    return write_table(written, table(), *static_cast<const Options*>(options));
  };
  spec.rows = [] { return rows_of(table()); };
  return spec;
}

// The same, of options that one field alone cannot tell right from wrong: `check` is shown them
// all.
template <auto table, auto check>
constexpr FilterSpec spec_of(std::string_view name, std::string_view doc) {
  FilterSpec spec = spec_of<table>(name, doc);
  spec.read = [](const Node& node, const Reading& reading) -> std::shared_ptr<const void> {
    auto options = std::make_shared<decltype(options_of(table))>();
    read_table(node, reading, table(), *options);
    if (node.is_map()) check(node, reading, *options);
    return options;
  };
  return spec;
}

constexpr FilterSpec needing_route(FilterSpec spec, bool (*needs_route)(const void* options)) {
  spec.needs_route = needs_route;
  return spec;
}

constexpr FilterSpec scoped(FilterSpec spec, std::string_view (*scope)(const void* options)) {
  spec.scope = scope;
  return spec;
}

constexpr FilterSpec handing_over(FilterSpec spec,
                                  std::string_view (*hands_over_to)(const void* options)) {
  spec.hands_over_to = hands_over_to;
  return spec;
}

constexpr FilterSpec once_per_path(FilterSpec spec) {
  spec.is_once_per_path = true;
  return spec;
}

}  // namespace config
