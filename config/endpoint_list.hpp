// The file that `discovery: { file: PATH }` names: a YAML list like `endpoints`. Any thread.
#pragma once

#include "config/mistakes.hpp"
#include "config/model.hpp"

#include <string>
#include <vector>

namespace config {

constexpr std::size_t most_listed_endpoints = 4096;

struct EndpointList {
  std::vector<Endpoint> endpoints;  // may be none: then the cluster has none
  std::vector<Mistake> mistakes{};  // all of them; if there are any, there are no endpoints
};

// `name`: of the file, for what is said about it.
EndpointList parse_endpoint_list(const std::string& name, std::string text);

}  // namespace config
