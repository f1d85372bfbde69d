// A pool against an upstream inside the test's own thread.
#pragma once

#include "proxy/base/log.hpp"
#include "proxy/upstream/net_dialer.hpp"
#include "proxy/upstream/pool.hpp"
#include "tests/unit/upstream/peer.hpp"

#include <memory>
#include <optional>

namespace upstream_test {

struct PoolFixture : upstream::Pool::Owner {
  virtual ~PoolFixture() = default;
  upstream::Pool& made() {
    dialer.renew(cluster, {}, tls);
    settings_of_pool = upstream::PoolSettings(cluster, tls != nullptr);
    pool = std::make_unique<upstream::Pool>(loop, settings_of_pool, dialer, peer.address, in_flight,
                                            *this);
    return *pool;
  }
  // On a connection that is there; no stream = it would have to be waited for.
  upstream::Opened opened_now() {
    base::Task<base::Result<upstream::Opened>> opened = pool->open({}, base::never);
    if (!opened.value() || !opened.value()->ok()) return {};
    base::Result<upstream::Opened> now = opened.await_resume();
    return std::move(*now);
  }
  void on_reachability(bool) override { was_reachable.push_back(!pool->outage()); }

  base::EventLoop loop;
  Peer peer{loop};
  config::Cluster cluster;
  std::shared_ptr<const certs::TlsContext> tls;
  base::Log log{STDERR_FILENO, base::Level::error, false};
  net::HandshakeTurns turns{loop};
  upstream::NetDialer dialer{loop, turns, log};
  upstream::PoolSettings settings_of_pool;
  std::uint32_t in_flight = 0;
  std::vector<bool> was_reachable;
  base::TaskGroup tasks{loop};
  std::unique_ptr<upstream::Pool> pool;
};

}  // namespace upstream_test
