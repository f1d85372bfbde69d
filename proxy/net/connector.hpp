// Opens upstream connections: TCP or a Unix socket, then TLS where it is asked for. Called by pools;
// the loop's thread.
#pragma once

#include <memory>

#include "certs/store.hpp"
#include "proxy/net/transport.hpp"

namespace net {

// A connected transport, its handshake done if `tls` is given, by `until`. The error is
// connect_failure, connect_timeout or tls_failure, and `unsent`. Destroying the task gives it up.
Task<Result<std::unique_ptr<Transport>>> connect(base::EventLoop& loop, base::Address address,
                                                 std::shared_ptr<const certs::Context> tls,
                                                 Time until);

}  // namespace net
