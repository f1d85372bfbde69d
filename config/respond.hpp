// A fixed answer: of a route, or of a filter that answers itself.
#pragma once

#include "config/fields.hpp"
#include "config/model.hpp"

#include <string>

namespace config {

const Table<Respond>& respond_table();
// What does not go together in it; "" = nothing.
std::string respond_problem(const Respond& respond);

}  // namespace config
