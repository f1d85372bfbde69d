// What all workers have in common, whatever the configuration. Made by control before the workers,
// destroyed after them; each member says for itself which threads may use it.
#pragma once

#include "filters/registry.hpp"
#include "proxy/base/log.hpp"
#include "proxy/observe/spectators.hpp"
#include "proxy/server/admission.hpp"
#include "proxy/server/plan.hpp"
#include "proxy/stats/registry.hpp"
#include "proxy/upstream/cluster_state.hpp"

#include <memory>

namespace server {

struct Shared {
  Shared(const Plan& plan, std::size_t connections, std::size_t memory, base::Log& to)
      : admission(connections, plan.config->limits.source_connections, memory),
        log(to),
        metrics(static_cast<std::size_t>(plan.workers) + 1) {}

  Admission admission;
  base::Log& log;
  filters::SharedState filter_state;
  observe::Spectators spectators;
  stats::Registry metrics;  // a shard for each worker, one more for control
  const std::shared_ptr<upstream::ClusterStates> cluster_states =
      std::make_shared<upstream::ClusterStates>(log, metrics);
};

}  // namespace server
