// Where a cluster's exchanges may go. An EndpointSet is what control publishes, the same for all
// workers; an Endpoint is one of its addresses as one worker uses it, with a pool of its own.
#pragma once

#include "proxy/base/address.hpp"
#include "proxy/base/counted.hpp"
#include "proxy/base/error.hpp"
#include "proxy/base/shared_text.hpp"
#include "proxy/upstream/endpoint_state.hpp"
#include "proxy/upstream/peak_ewma.hpp"
#include "proxy/upstream/snapshot.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace upstream {

class ClientPools;
class HashTable;
class Outage;
class Pool;

// What a name or a written address came to.
struct WeightedAddress {
  base::Address address;
  std::uint32_t weight = 1;
  std::uint32_t priority = 0;  // others stand by until none of a lower one is well
  std::string zone{};          // "" = not said

  bool operator==(const WeightedAddress&) const = default;
};

// Immutable once published. Any thread.
struct EndpointSet {
  std::vector<WeightedAddress> addresses;  // each once
  std::optional<base::Error> failure{};    // why there are none, if a name could not be resolved
  std::shared_ptr<const HashTable> table{};  // of methods that have one
};

// Owned by its EndpointPools; the worker's thread. Whoever may choose it or looks at it holds a
// reference; with the last one its pool takes no exchange any more. Its address in memory is its
// identity (see http::Scope).
struct Endpoint final : base::Counted {
  class Owner {
   public:
    virtual void on_unused(Endpoint& endpoint) noexcept = 0;
    // It refuses datagrams, or, without an error, it has answered.
    virtual void on_datagrams(Endpoint& endpoint, const base::Error* refusal) noexcept = 0;

   protected:
    ~Owner() = default;
  };

  Endpoint(Owner& owner, const base::Address& address, std::shared_ptr<EndpointState> state);
  ~Endpoint();

  const base::Address address;
  const base::SharedText text;  // as in logs
  std::uint32_t in_flight = 0;  // exchanges that have a stream or wait for one; kept by the pool
  bool is_reachable = true;     // as far as its pool knows; kept by EndpointPools
  base::Time reachable_since = base::Time::min();  // again; likewise
  PeakEwma latency;                                // kept by a Cluster that balances by it
  base::Time refused_at{};                         // the failed connect that was counted last
  const std::shared_ptr<EndpointState> state;      // what all workers know of it
  // One of the two; neither only in tests of the balancer.
  std::unique_ptr<Pool> pool;
  std::unique_ptr<ClientPools> by_client;

  // Null: it can be connected to, as far as is known.
  const Outage* outage() const;
  void refuses_datagrams(const base::Error& why) noexcept { owner_.on_datagrams(*this, &why); }
  void answers_datagrams() noexcept { owner_.on_datagrams(*this, nullptr); }
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
  std::uint32_t priority = 0;
  std::string zone{};
};
using Endpoints = std::vector<WeightedEndpoint>;

}  // namespace upstream
