// Replaces ${VAR}, ${VAR:-default}, ${VAR:?message} and ${file:PATH} in the scalar values of a
// tree, in one pass; `$${` is a literal `${`. Keys are left as they are.
#pragma once

#include "config/node.hpp"

namespace config {

NodePtr substitute(const NodePtr& root, Mistakes& mistakes);

}  // namespace config
