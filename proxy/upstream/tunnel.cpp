#include "proxy/upstream/tunnel.hpp"

#include "proxy/upstream/pool.hpp"

namespace upstream {

Tunnel::Tunnel(Pool& pool, std::unique_ptr<net::Transport> transport)
    : pool_(&pool), transport_(std::move(transport)) {
  pool.tunnel_began();
}

void Tunnel::end() {
  pool_->tunnel_ended();
}

}  // namespace upstream
