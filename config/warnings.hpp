// What a configuration may say, and hardly anybody means.
#pragma once

#include "config/model.hpp"

namespace config {

// Clusters that nothing leads to, routes behind one that takes all of theirs, peers that are not
// verified. In the order of the file.
std::vector<Mistake> warnings_of(const Config& config);

}  // namespace config
