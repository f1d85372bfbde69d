// Tries what a configuration names: resolves, connects to and shakes hands with each endpoint of
// its clusters and the collector of its traces, one after the other, and sends nothing. For
// `outrider check --probe`; the calling thread.
#pragma once

#include "proxy/server/plan.hpp"

#include <functional>
#include <string>

namespace process {

struct Probed {
  std::string cluster;   // "" = it is the collector of traces
  std::string endpoint;  // as it is written
  std::string address;   // of those that its name stands for; "" = none was found
  std::string problem;   // "" = all went well
  base::Duration resolved_in{};
  base::Duration connected_in{};  // with TLS
  base::Duration tls_took{};
  std::string protocol;  // by ALPN; "" = clear, or none agreed on
};

// told: of each as soon as it is known.
void probe(const server::Plan& plan, const std::function<void(const Probed&)>& told);

}  // namespace process
