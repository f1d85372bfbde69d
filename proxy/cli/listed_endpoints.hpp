// What the files say that list endpoints of clusters (`discovery.file`), for who checks, starts and
// simulates: a process that runs goes on with what it had.
#pragma once

#include "config/model.hpp"

#include <map>
#include <string>
#include <vector>

namespace cli {

struct ListedEndpoints {
  std::vector<std::string> problems;      // of files that cannot be used: "file:line:column: ..."
  std::vector<config::Mistake> warnings;  // of files that are not there as yet, or list nothing
  std::map<std::string, std::vector<config::Endpoint>> by_cluster;  // of those that can be used
};
ListedEndpoints listed_endpoints(const config::Config& config);

}  // namespace cli
