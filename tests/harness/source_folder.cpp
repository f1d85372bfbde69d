#include "tests/harness/source_folder.hpp"

namespace harness {

std::string source_folder() { return OUTRIDER_SOURCE_DIR; }

}  // namespace harness
