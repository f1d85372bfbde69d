// Where a cluster's exchanges may go. An EndpointSet is what control publishes, the same for all
// workers; an Endpoint is one of its addresses as one worker uses it, with a pool of its own.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/address.hpp"
#include "proxy/base/error.hpp"

namespace upstream {

class Pool;

struct Target {
  base::Address address;
  std::uint32_t weight = 1;
};

// Immutable once published. Any thread.
struct EndpointSet {
  std::vector<Target> targets;           // each address once
  std::optional<base::Error> failure{};  // why there are none, if a name could not be resolved
};

// Owned by its Cluster; the worker's thread. Its address is its identity (see http::Scope).
struct Endpoint {
  explicit Endpoint(const Target& target);
  ~Endpoint();

  const base::Address address;
  const std::string text;  // as in logs
  std::uint32_t weight;
  std::uint32_t in_flight = 0;  // exchanges that have a stream or wait for one; kept by the pool
  std::uint32_t users = 0;      // who looks at it at this moment
  std::unique_ptr<Pool> pool;   // null only in tests of the balancer

  // Keeps it while it is looked at, even if its address vanishes meanwhile.
  class Use {
   public:
    explicit Use(Endpoint& endpoint) : endpoint_(endpoint) { ++endpoint_.users; }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use() { --endpoint_.users; }

   private:
    Endpoint& endpoint_;
  };
};

using Endpoints = std::vector<std::unique_ptr<Endpoint>>;

}  // namespace upstream
