// Where the sources are that these tests were built from.
#pragma once

#include <string>

namespace harness {

// Without a slash at its end.
std::string source_folder();

}  // namespace harness
