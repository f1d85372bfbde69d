// Routes that nothing reaches, since an earlier one of their listener takes all that they match.
#pragma once

#include "config/mistakes.hpp"
#include "config/model.hpp"

#include <vector>

namespace config {

// In the order of the routes. Where very many routes have the same hosts and paths and differ in the
// rest alone, the last ones may be left out.
std::vector<Mistake> unreachable_routes(const Listener& listener);

}  // namespace config
