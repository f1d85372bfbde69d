// The hostile cases in tests/corpora/proxy-cases, and what tests of them share.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/harness/json.hpp"
#include "tests/harness/source_folder.hpp"

namespace harness {

// One case a line of NAME.jsonl.
inline std::vector<Json> cases_of(const std::string& name) {
  return read_json_lines(source_folder() + "/tests/corpora/proxy-cases/" + name + ".jsonl");
}

// Whether a list of a case's, null too, has that number.
inline bool holds(const Json& list, int number) {
  return std::any_of(list.items().begin(), list.items().end(),
                     [number](const Json& item) { return item.number() == number; });
}

// Of this process: the same before and after a case.
inline std::ptrdiff_t open_descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

}  // namespace harness
