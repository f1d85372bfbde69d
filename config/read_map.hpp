// Reading a map by what is known of its fields, whatever struct they belong to.
#pragma once

#include "config/read.hpp"

#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

namespace config {

struct KnownField {
  std::string_view name;
  std::string_view type;  // as a reader understands it
  std::string_view doc;
  bool is_required = false;
  bool is_built = true;
};

// Reads the value of the field of that number. A trial only finds out whether it would be taken.
using ReadField =
    std::function<void(std::size_t field, const Node& value, const Reading&, bool is_trial)>;

// Each key that is written, once; what is no map, unknown, empty or missing is a mistake that says
// what to write.
void read_map(const Node& node, const Reading& reading, const std::vector<KnownField>& fields,
              const ReadField& read);

}  // namespace config
