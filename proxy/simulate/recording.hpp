// An access log of Outrider in JSON lines, as the source of a simulated world's requests: who asked
// for what and when, and what the upstreams did then: how long they took, and which share of their
// answers failed in each second. What policies made of it is left out: that is what is simulated.
#pragma once

#include "proxy/simulate/traffic.hpp"

#include <memory>
#include <set>
#include <string>

namespace simulate {

struct Recording {
  std::unique_ptr<Traffic> traffic;
  base::Duration length{};  // from the first request to the end of the last
  std::uint64_t requests = 0;
  std::uint64_t skipped = 0;  // lines that hold no request that could be asked again
  std::uint64_t redirected = 0;  // requests that came by one of these, and come by the first now
  std::set<std::string> unknown_listeners;  // such as carry no requests among them
  std::string problem;  // with its place; "" = none
};

// Adds what is known of the services to the scenario: their times, unless it says any, and their
// failures. Services of clusters that `config` has not are left out.
Recording read_recording(const std::string& file, const config::Config& config,
                         Scenario& scenario);

}  // namespace simulate
