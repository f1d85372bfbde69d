// ring_hash and maglev: what hashes alike goes to one endpoint; while that cannot be chosen, to the
// next that the table names. See balancer.hpp.
#pragma once

#include "proxy/upstream/balancer.hpp"

#include <vector>

namespace upstream {

class HashBalancer final : public Balancer {
 private:
  void adopted() override;
  Endpoint* choose(const Ask& ask, base::Random& random) override;

  std::vector<Endpoint*> by_position_;  // among the cluster's endpoints; null = not to be chosen
};

}  // namespace upstream
