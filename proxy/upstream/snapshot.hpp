// What pools look like at a moment, for /clusters, /stats and the metrics: plain values that may
// cross threads.
#pragma once

#include "proxy/base/time.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace upstream {

struct ConnectionSnapshot {
  std::string_view protocol;   // "http1" or "h2"
  std::uint32_t streams = 0;   // exchanges on it now
  std::uint64_t requests = 0;  // ever begun on it
};

// What a pool has counted since it was made.
struct PoolCounts {
  std::uint64_t connects = 0;
  std::uint64_t connect_failures = 0;
  std::uint64_t connect_timeouts = 0;  // of them
  std::uint64_t tls_failures = 0;      // of them
  std::uint64_t requests = 0;
  std::uint64_t reused = 0;   // of them, on a connection that had carried others
  std::uint64_t refused = 0;  // pool_full

  PoolCounts& operator+=(const PoolCounts& other) {
    connects += other.connects;
    connect_failures += other.connect_failures;
    connect_timeouts += other.connect_timeouts;
    tls_failures += other.tls_failures;
    requests += other.requests;
    reused += other.reused;
    refused += other.refused;
    return *this;
  }
};

// What a pool has now.
struct PoolGauges {
  std::uint32_t open = 0;  // connections
  std::uint32_t idle = 0;  // of them, without an exchange
  std::uint32_t tunnels = 0;
  std::uint32_t connecting = 0;
  std::uint32_t active = 0;   // exchanges that have a stream
  std::uint32_t pending = 0;  // exchanges that wait for one

  PoolGauges& operator+=(const PoolGauges& other) {
    open += other.open;
    idle += other.idle;
    tunnels += other.tunnels;
    connecting += other.connecting;
    active += other.active;
    pending += other.pending;
    return *this;
  }
};

struct PoolSnapshot : PoolCounts, PoolGauges {
  base::Duration out_for{};   // since when it cannot be connected to; 0 = it can
  std::vector<ConnectionSnapshot> connections;
};

struct EndpointSnapshot {
  std::string address;
  std::uint32_t weight = 1;
  bool is_vanished = false;  // finishing what it has
  std::string zone{};
  // Or "ejected", "unhealthy" by its checks, "unreachable": as all workers see it.
  std::string_view health = "healthy";
  std::string failure{};                // why it cannot be connected to; "" = it can, from here
  base::Duration ejected_for{};         // from now on
  PoolSnapshot pool;
};

struct ClusterSnapshot {
  std::string name;
  std::string failure;     // why it has no endpoint; "" = it has
  std::uint32_t held = 0;  // exchanges that wait until an endpoint can be connected to
  PoolCounts gone;         // of pools of this name that are no more: what is counted never falls
  bool is_panicking = false;  // too few are healthy: all are used
  std::vector<EndpointSnapshot> endpoints;
};

// The file or the SRV records of a cluster with `discovery`, as they were last looked at.
struct DiscoverySource {
  bool is_good = true;  // what they say is in force
  std::string problem;  // "" = none; of a good one: that it lists nothing
};

}  // namespace upstream
