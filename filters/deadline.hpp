// What a client says of its patience: grpc-timeout, and x-request-timeout from outbound clients and
// trusted peers. Read once an exchange; goes up with what is left of it.
#pragma once

#include "proxy/http/message.hpp"

namespace filters {

// Sets the client's deadline, the first time, and bounds the request's scope by it.
void take_deadline(http::Request& request);
// Makes the fields say how much is left of the scope's deadline.
void pass_deadline_on(http::Request& request);

}  // namespace filters
