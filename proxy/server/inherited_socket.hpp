// A listening socket that the process was born with: from the one that it takes the place of, or
// from the service manager. A value that moves; any thread.
#pragma once

#include "proxy/base/address.hpp"
#include "proxy/base/descriptor.hpp"

#include <string>
#include <vector>

namespace server {

struct InheritedSocket {
  std::string listener;  // its name there; "" = it has none
  base::Address wanted;  // as a configuration named it
  base::Address bound;
  bool is_shared = false;  // one socket, to be watched by all workers; else one for each
  bool owns_path = false;  // of a Unix socket: the path goes with the process
  std::vector<base::Descriptor> descriptors{};
};

}  // namespace server
