// The connections to one endpoint, of one worker: opened when needed, shared by HTTP/2 exchanges, lent
// to one HTTP/1 exchange after the other, closed when idle or old. Connects belong to the pool: an
// exchange that waits for one may leave at any time. Owned by an Endpoint; the worker's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "certs/store.hpp"
#include "config/model.hpp"
#include "proxy/base/event.hpp"
#include "proxy/base/event_loop.hpp"
#include "proxy/base/task_group.hpp"
#include "proxy/http/stream.hpp"
#include "proxy/http1/client.hpp"
#include "proxy/http2/client.hpp"
#include "proxy/net/transport.hpp"
#include "proxy/upstream/connection.hpp"
#include "proxy/upstream/snapshot.hpp"

namespace upstream {

// What the pools of a cluster have in common; outlives them.
struct PoolSetup {
  const config::Cluster* cluster = nullptr;
  std::shared_ptr<const certs::Context> tls;  // null = clear; for connections made from now on
  http1::ClientLimits http1;
  http2::ClientSettings http2;
};

class Pool {
 public:
  // in_flight: kept here, for the balancer; outlives the pool.
  Pool(base::EventLoop& loop, const PoolSetup& setup, const base::Address& address,
       std::uint32_t& in_flight);
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool();  // no stream and no open() may be left

  struct Opened {
    std::unique_ptr<http::ClientStream> stream;
    bool was_reused = false;        // its connection had served before
    base::Duration connect_time{};  // what making the connection took, if it is new
  };

  // On a connection that is there, if nobody waits. Never suspends; the stream is null = use open().
  Opened open_now();
  // Waits for a connection: at most `pool.wait`, not past `until`, then pool_full. With `newer_than`
  // only for one made later than the newest() of then.
  base::Task<base::Result<Opened>> open(base::Time until, std::uint64_t newer_than = 0);
  // The serial number of the newest connection ever made.
  std::uint64_t newest() const { return newest_; }

  // No new exchange comes: idle connections close now, the others when they are done.
  void retire();
  bool is_empty() const;
  PoolSnapshot snapshot() const;

 private:
  friend class Connection;
  class Waiter;

  // What a connection tells:
  void began();  // an exchange on it
  void ended();
  void became_free(Connection& connection);  // it can take an exchange, more than before
  void drains(Connection& connection);       // it takes none any more
  void remove(Connection& connection);       // it is gone

  Opened take(std::uint64_t newer_than);
  Opened open_on(Connection& connection);
  void serve();
  void serve(base::List<Waiter>& line);
  bool connect_more();
  void make_room();
  base::Task<> connect();
  void add(std::unique_ptr<net::Transport> transport, base::Duration took);
  void fail_waiters(const base::Error& error);
  std::size_t serving() const;
  std::size_t room() const;
  std::size_t wanted_connects() const;
  bool may_widen() const;
  bool is_multiplexed() const;
  std::size_t served_by_connects() const;

  base::EventLoop& loop_;
  const PoolSetup& setup_;
  const config::Pool& limits_;
  const base::Address address_;
  std::uint32_t& in_flight_;

  std::vector<std::unique_ptr<Connection>> connections_;  // open, also while they drain
  std::vector<Connection*> idle_http1_;                   // the one used last at the end
  std::vector<Connection*> h2_;                           // that do not drain
  base::List<Waiter> waiting_;            // for any connection
  base::List<Waiter> waiting_for_fresh_;  // holds up none of the others
  std::size_t waiting_count_ = 0;         // in both
  std::size_t connecting_ = 0;
  base::Time connects_again_ = base::Time::min();
  std::optional<bool> is_h2_;  // what the last connection turned out to be
  bool is_serving_ = false;
  bool is_retired_ = false;
  std::uint64_t newest_ = 0;
  std::uint32_t active_ = 0;
  PoolSnapshot counts_;  // of it only the counters that grow
  base::TaskGroup connects_;
};

}  // namespace upstream
