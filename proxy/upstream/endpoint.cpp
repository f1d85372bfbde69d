#include "proxy/upstream/endpoint.hpp"

#include "proxy/upstream/pool.hpp"

namespace upstream {

Endpoint::Endpoint(Owner& owner, const base::Address& at)
    : address(at), text(at.to_string()), owner_(owner) {}

Endpoint::~Endpoint() = default;

}  // namespace upstream
