// Reads a configuration: files, includes, variables, merge keys, tables, references. All mistakes
// are found in one run.
#pragma once

#include "config/filter_spec.hpp"
#include "config/model.hpp"
#include "config/node.hpp"

#include <memory>
#include <string>
#include <vector>

namespace config {

struct Loaded {
  std::shared_ptr<const Config> config;  // null if there are mistakes
  std::vector<Mistake> mistakes;
  NodePtr effective = nullptr;  // all that is in force; what was written has its mark, a default has none
};

Loaded load(const std::string& file, const std::vector<const FilterSpec*>& filters);
// The text as if it stood in a file of that name.
Loaded load_text(const std::string& name, const std::string& text,
                 const std::vector<const FilterSpec*>& filters);

}  // namespace config
