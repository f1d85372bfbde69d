// What can only be judged when the whole file was read: references, names, what stands on one path.
#pragma once

#include "config/model.hpp"

namespace config {

void validate(const Config& config, Mistakes& mistakes);

}  // namespace config
