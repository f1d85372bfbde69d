// HTTP/1 connections as a pool sees them: one exchange each, then idle, and again. See Connection.
#pragma once

#include "proxy/upstream/pool.hpp"

namespace upstream {

std::unique_ptr<Connection> make_http1_connection(Pool& pool, const PoolSetup& setup,
                                                  const Origin& origin,
                                                  std::unique_ptr<net::Transport> transport);

}  // namespace upstream
