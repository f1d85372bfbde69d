// HTTP/2 connections as a pool sees them: many exchanges at a time. See Connection.
#pragma once

#include "proxy/upstream/pool.hpp"

namespace upstream {

std::unique_ptr<Connection> make_h2_connection(Pool& pool, const PoolSetup& setup,
                                               const Origin& origin,
                                               std::unique_ptr<net::Transport> transport);

}  // namespace upstream
