// The command line: tells the words apart and calls the command; nothing else.
#pragma once

#include <string>
#include <vector>

namespace cli {

// Returns the exit status.
int dispatch(std::vector<std::string> words);

}  // namespace cli
