// HTTP/2 connections as a pool sees them: many exchanges at a time. See PooledConnection.
#pragma once

#include "proxy/http2/client.hpp"
#include "proxy/upstream/pooled_connection.hpp"

namespace upstream {

// It may have left already when this returns: it reads at once. `settings` outlives it.
// first_streams: at most so many before the peer says how many it allows.
std::unique_ptr<PooledConnection> pooled_http2(std::unique_ptr<net::Transport> transport,
                                               const http2::ClientSettings& settings,
                                               std::uint32_t first_streams,
                                               base::Duration longest_idle);

}  // namespace upstream
