// How pools come by connections. The seam at which a simulator or a test puts wires of its own
// under everything from the filters to the pool: one virtual call a connect, none for what goes
// over the connection. Owned by EndpointPools, outlives its pools; the worker's thread.
#pragma once

#include "certs/store.hpp"
#include "config/model.hpp"
#include "proxy/base/address.hpp"
#include "proxy/base/task.hpp"
#include "proxy/net/datagrams.hpp"
#include "proxy/net/transport.hpp"
#include "proxy/upstream/pooled_connection.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace upstream {

struct Dial {
  base::Address address;
  config::HttpVersion protocol = config::HttpVersion::automatic;  // as offered
  bool is_tunnel = false;           // bytes: no protocol of ours is spoken on it
  std::uint32_t first_streams = 0;  // of HTTP/2, before the peer says how many it allows
  base::Time until = base::never;
  std::string preamble{};  // sent ahead of all else
};

// One of the two.
struct Dialed {
  std::unique_ptr<PooledConnection> connection;
  std::unique_ptr<net::Transport> tunnel;
  base::Duration tls_time{};  // what the handshake took
};

class Dialer {
 public:
  virtual ~Dialer() = default;
  // By `until`. The error is connect_failure, connect_timeout or tls_failure, and `unsent`;
  // `lasting` if the endpoint is there but will not do. Destroying the task gives it up.
  virtual base::Task<base::Result<Dialed>> dial(Dial wanted) = 0;

  // A socket of datagrams to there. The error is connect_failure, and `unsent`.
  virtual base::Result<std::unique_ptr<net::ConnectedDatagrams>> datagrams(
      const base::Address& address) = 0;

  // For connections made from now on. tls: null = clear.
  virtual void renew(const config::Cluster& cluster, const config::Limits& limits,
                     std::shared_ptr<const certs::TlsContext> tls) = 0;
  virtual void renew_tls(std::shared_ptr<const certs::TlsContext> tls) = 0;
};

}  // namespace upstream
