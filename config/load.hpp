// Reads a configuration: files, includes, variables, merge keys, tables, references. All mistakes
// are found in one run.
#pragma once

#include "config/filter_spec.hpp"
#include "config/model.hpp"

#include <memory>
#include <string>
#include <vector>

namespace config {

struct Loaded {
  std::shared_ptr<const Config> config;  // null if there are mistakes
  std::vector<Mistake> mistakes;
};

Loaded load(const std::string& file, const std::vector<const FilterSpec*>& filters);
// The text as if it stood in a file of that name.
Loaded load_text(const std::string& name, const std::string& text,
                 const std::vector<const FilterSpec*>& filters);

}  // namespace config
