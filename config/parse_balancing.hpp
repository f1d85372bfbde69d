// The fields of a cluster that say which endpoint is next and which are left out.
#pragma once

#include "config/parse.hpp"

namespace config {

Field<Cluster> load_balancer();
Field<Cluster> outlier();
Field<Cluster> health();  // parse_health.cpp
Field<Cluster> hash_on();
// What does not go together; `node`: the cluster.
void check_balancing(const Node& node, const Reading& reading, const Cluster& cluster);

}  // namespace config
