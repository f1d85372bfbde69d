// A simulated world as a picture: what was offered, admitted and asked upstream, what succeeded,
// and how long it took, over virtual time. One SVG file, without anything from elsewhere.
#pragma once

#include "proxy/simulate/world.hpp"

#include <string>

namespace simulate {

std::string plot(const World& world, const std::string& title);

}  // namespace simulate
