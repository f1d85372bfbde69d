// HTTP/1 connections as a pool sees them: one exchange each, then idle, and again. See
// PooledConnection.
#pragma once

#include "proxy/http1/client.hpp"
#include "proxy/upstream/pooled_connection.hpp"

namespace upstream {

// `limits` outlives it.
std::unique_ptr<PooledConnection> pooled_http1(std::unique_ptr<net::Transport> transport,
                                               const http1::ClientLimits& limits,
                                               base::Duration longest_idle);

}  // namespace upstream
