// Who asks for what, and when: the source of a simulated world's requests. Made from a scenario's
// rate, or from a recorded access log.
#pragma once

#include "proxy/base/random.hpp"
#include "proxy/server/plan.hpp"
#include "proxy/simulate/scenario.hpp"

#include <memory>
#include <optional>
#include <vector>

namespace simulate {

struct Arrival {
  base::Duration at;  // from the beginning
  std::size_t client = 0;
  const Asked* asked = nullptr;  // belongs to the traffic
};

class Traffic {
 public:
  virtual ~Traffic() = default;
  // In their order; nothing: there are no more.
  virtual std::optional<Arrival> next() = 0;
};

// One request for each route of the configuration that leads to a cluster.
std::vector<Asked> ask_each_route(const config::Config& config);

// By the scenario's rate, of so many clients. The scenario outlives it.
std::unique_ptr<Traffic> make_traffic(const Scenario& scenario, std::vector<Asked> asked,
                                      std::size_t clients);

}  // namespace simulate
