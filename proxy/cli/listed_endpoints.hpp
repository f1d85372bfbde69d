// What the files say that list endpoints of clusters (`discovery.file`), for `check` and `simulate`: a
// process that runs goes on without them, and whoever checks wants to know before.
#pragma once

#include "config/model.hpp"

#include <map>
#include <string>
#include <vector>

namespace cli {

struct ListedEndpoints {
  std::vector<std::string> problems;       // of files that cannot be used: "file:line:column: ..."
  std::vector<config::Mistake> warnings;   // of files that are not there as yet
  std::map<std::string, std::vector<config::Endpoint>> by_cluster;  // of the others
};
ListedEndpoints listed_endpoints(const config::Config& config);

}  // namespace cli
