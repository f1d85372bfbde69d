// A PROXY header from a client that must send one. Called by the listener; the loop's thread.
#pragma once

#include "proxy/net/proxy_header.hpp"
#include "proxy/net/transport.hpp"

namespace net {

// Takes the header from a connection of which nothing was read yet, by `until`; what is behind it
// stays unread. The error says client_gone, request_timeout, or bad_request.
Task<Result<ProxyHeader>> accept_proxy(Transport& transport, Time until);

}  // namespace net
