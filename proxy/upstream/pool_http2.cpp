#include "proxy/upstream/pool_http2.hpp"

#include "proxy/upstream/pool_http1.hpp"

namespace upstream {

std::unique_ptr<Connection> make_h2_connection(Pool& pool, const PoolSetup& setup,
                                               const Origin& origin,
                                               std::unique_ptr<net::Transport> transport) {
  return make_http1_connection(pool, setup, origin, std::move(transport));
}

}  // namespace upstream
