// Where a cluster's exchanges may go. An EndpointSet is what control publishes, the same for all
// workers; an Endpoint is one of its addresses as one worker uses it, with a pool of its own.
#pragma once

#include "proxy/base/address.hpp"
#include "proxy/base/counted.hpp"
#include "proxy/base/error.hpp"
#include "proxy/upstream/snapshot.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace upstream {

class ClientPools;
class Outage;
class Pool;

// What a name or a written address came to.
struct WeightedAddress {
  base::Address address;
  std::uint32_t weight = 1;
  // Of the reachable ones those of the least are chosen from, the others stand by (RFC 2782).
  std::uint32_t priority = 0;
};

// Immutable once published. Any thread.
struct EndpointSet {
  std::vector<WeightedAddress> addresses;  // each once
  std::optional<base::Error> failure{};    // why there are none, if a name could not be resolved
};

// Owned by its EndpointPools; the worker's thread. Whoever may choose it or looks at it holds a
// reference; with the last one its pool takes no exchange any more. Its address in memory is its
// identity (see http::Scope).
struct Endpoint final : base::Counted {
  class Owner {
   public:
    virtual void on_unused(Endpoint& endpoint) noexcept = 0;

   protected:
    ~Owner() = default;
  };

  Endpoint(Owner& owner, const base::Address& address);
  ~Endpoint();

  const base::Address address;
  const std::string text;       // as in logs
  std::uint32_t in_flight = 0;  // exchanges that have a stream or wait for one; kept by the pool
  bool is_reachable = true;     // as far as its pool knows; kept by EndpointPools
  // One of the two; neither only in tests of the balancer.
  std::unique_ptr<Pool> pool;
  std::unique_ptr<ClientPools> by_client;

  // Null: it can be connected to, as far as is known.
  const Outage* outage() const;
  void retire();
  bool is_empty() const;
  PoolSnapshot snapshot() const;

 private:
  void unused() noexcept override { owner_.on_unused(*this); }

  Owner& owner_;
};

// One that a cluster chooses from.
struct WeightedEndpoint {
  base::Ref<Endpoint> endpoint;
  std::uint32_t weight = 1;
  std::uint32_t priority = 0;  // see WeightedAddress
};
using Endpoints = std::vector<WeightedEndpoint>;

}  // namespace upstream
