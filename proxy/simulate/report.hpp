// What a simulated world has come to, for people and as JSON.
#pragma once

#include "proxy/simulate/world.hpp"

#include <string>

namespace simulate {

std::string report_text(const World& world);
std::string report_json(const World& world);

}  // namespace simulate
