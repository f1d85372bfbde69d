#include "proxy/upstream/endpoint.hpp"

#include "proxy/upstream/client_pools.hpp"

#include <utility>

namespace upstream {

Endpoint::Endpoint(Owner& owner, const base::Address& at, std::shared_ptr<EndpointState> known)
    : address(at), text(at.to_string()), state(std::move(known)), owner_(owner) {}

Endpoint::~Endpoint() = default;

const Outage* Endpoint::outage() const {
  return by_client ? by_client->outage() : pool->outage();
}

void Endpoint::retire() {
  by_client ? by_client->retire() : pool->retire();
}

bool Endpoint::is_empty() const {
  return by_client ? by_client->is_empty() : pool->is_empty();
}

PoolSnapshot Endpoint::snapshot() const {
  return by_client ? by_client->snapshot() : pool->snapshot();
}

}  // namespace upstream
