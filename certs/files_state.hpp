// What shows that files have changed: when, how large, which inode. Blocks as long as the disk
// does. Any thread.
#pragma once

#include <string>
#include <vector>

namespace certs {

// Of all files together; one that is not there, or "", is a state too.
std::string state_of(const std::vector<std::string>& files);

}  // namespace certs
