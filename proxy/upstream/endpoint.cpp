#include "proxy/upstream/endpoint.hpp"

#include "proxy/upstream/pool.hpp"

namespace upstream {

Endpoint::Endpoint(const Target& target)
    : address(target.address), text(target.address.to_string()), weight(target.weight) {}

Endpoint::~Endpoint() = default;

}  // namespace upstream
