// What a client says of its patience: grpc-timeout, and x-request-timeout from outbound clients and
// trusted peers. Read once an exchange; goes up with what is left of it.
#pragma once

#include "proxy/http/message.hpp"

namespace filters {

// Sets the deadlines of request.info, the first time.
void take_deadline(http::Request& request);
// Makes the fields say how much is left of info.deadline.
void pass_deadline_on(http::Request& request);

}  // namespace filters
