// What this process was started with: what the one that it takes the place of handed over, or the
// sockets of a service manager (sd_listen_fds(3)).
#pragma once

#include "proxy/process/handover.hpp"

#include <string>

namespace process {

struct Inheritance {
  HandedOver handed;
  base::Descriptor predecessor;  // waits to hear that this one is ready; none = there is none
  std::string problem;           // in words; "" = none
};

// Once, by main, before there are threads: it takes what it reads out of the environment.
Inheritance inheritance();

// What others are told of themselves by the environment, and not this process's children of
// theirs.
std::vector<std::string> environment_for_children();

}  // namespace process
