// The file that `discovery: { file: PATH }` names: a YAML list like `endpoints`. Any thread.
#pragma once

#include "config/model.hpp"

#include <string>
#include <vector>

namespace config {

constexpr std::size_t most_listed_endpoints = 4096;

struct EndpointList {
  std::vector<Endpoint> endpoints;  // may be none: then the cluster has none
  std::string problem{};            // "file:line:column: message", the line, a caret; "" = none
};

// `name`: of the file, for what is said about it.
EndpointList parse_endpoint_list(const std::string& name, std::string text);

}  // namespace config
