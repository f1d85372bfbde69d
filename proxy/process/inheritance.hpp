// What this process was started with: the sockets of the one that it takes the place of, or those
// of a service manager (sd_listen_fds(3)).
#pragma once

#include "proxy/process/handover.hpp"

#include <string>

namespace process {

struct Inheritance {
  HandedOver sockets;
  base::Descriptor predecessor;  // waits to hear that this one is ready; none = there is none
  std::string problem;           // in words; "" = none
};

// Once, by main, before there are threads: it takes what it reads out of the environment.
Inheritance inheritance();

// What others are told of themselves by the environment, and not this process's children of
// theirs.
std::vector<std::string> environment_for_children();

}  // namespace process
