// The connections to one endpoint, of one worker: opened when needed, shared by HTTP/2 exchanges,
// lent to one HTTP/1 exchange after the other, closed when idle or old. Connects belong to the
// pool: an exchange that waits for one may leave at any time. Owned by an Endpoint; the worker's
// thread.
//
// Exchanges that want the same kind of connection stand in one Lane. Whatever happens to
// connections is only noted; run(), which nobody's stack is under, gives what is there to those who
// wait and opens what is missing.
#pragma once

#include "config/model.hpp"
#include "proxy/base/event.hpp"
#include "proxy/base/loop.hpp"
#include "proxy/base/task_group.hpp"
#include "proxy/http/stream.hpp"
#include "proxy/upstream/dialer.hpp"
#include "proxy/upstream/outage.hpp"
#include "proxy/upstream/pooled_connection.hpp"
#include "proxy/upstream/snapshot.hpp"
#include "proxy/upstream/tunnel.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace upstream {

// What an exchange asks of an endpoint.
struct Want {
  // http1, h2: this one, beside the other
  config::HttpVersion protocol = config::HttpVersion::automatic;
  bool fresh = false;   // on a connection that is yet to be made
  bool tunnel = false;  // bytes: a transport of its own, which nobody uses after it
};

struct Opened {
  std::unique_ptr<http::ClientStream> stream;
  Tunnel tunnel;                   // instead, if that was wanted
  bool was_reused = false;         // its connection has carried others
  base::Duration connect_time{};   // what making the connection took, if it is new
  base::Duration tls_time{};       // of that, the handshake
  base::Time since = base::never;  // when the connection was made
  std::uint64_t exchange = 1;      // of its exchanges, from 1
};

// Of all pools of a cluster.
struct PoolSettings {
  PoolSettings() = default;
  PoolSettings(const config::Cluster& cluster, bool has_tls);
  config::Pool limits;
  base::Millis connect_timeout{};
  config::HttpVersion protocol = config::HttpVersion::automatic;  // by ALPN
};

class Pool {
 public:
  class Owner {
   public:
    // It can be connected to again, or not any more. is_seen: by an attempt; else nobody asks any more.
    virtual void on_reachability(bool is_seen) = 0;

   protected:
    ~Owner() = default;
  };

  // in_flight: kept here, for the balancer. All of them outlive the pool. preamble: what its
  // connections begin with, being one client's; "" = they are for all.
  Pool(base::Loop& loop, const PoolSettings& settings, Dialer& dialer, const base::Address& address,
       std::uint32_t& in_flight, Owner& owner, std::string preamble = {});
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool();  // no stream, tunnel or open() may be left

  // On a connection that is there, or else one to wait for: at most `pool.wait`, not past `until`,
  // then pool_full. While the endpoint cannot be connected to, the error is why.
  base::Task<base::Result<Opened>> open(Want want, base::Time until);
  // Null: the last connect was well.
  const Outage* outage() const { return outage_.is_on() ? &outage_ : nullptr; }

  // No new exchange comes: idle connections close now, the others when they are done.
  void retire();
  bool is_empty() const;
  PoolSnapshot snapshot() const;

 private:
  friend class PooledConnection;
  friend class Tunnel;
  class Waiter;
  // What wants the same kind of connection, and the connects made for it.
  struct Lane {
    config::HttpVersion protocol = config::HttpVersion::automatic;
    bool is_tunnel = false;
    base::List<Waiter> waiting;  // first in, first out
    base::List<Waiter> fresh;    // for a connection yet to be made; holds up none of the others
    std::size_t count = 0;       // in both
    std::size_t connecting = 0;
  };

  // What connections and tunnels tell:
  void began();  // an exchange on it
  void ended();
  void became_free(PooledConnection& connection);  // it can take an exchange, more than before
  void learned_limit(std::uint32_t streams);
  void drains(PooledConnection& connection);      // it takes none any more
  void lost(const PooledConnection& connection);  // by what the peer did
  void remove(PooledConnection& connection);      // it is gone
  void tunnel_began();
  void tunnel_ended();

  void look_again() {
    if (waiting_ > 0 || outage_.is_on()) changed_.set();
  }

  // Those that are choosier come first.
  Lane& http1_lane() { return lanes_[0]; }
  Lane& h2_lane() { return lanes_[1]; }
  Lane& tunnel_lane() { return lanes_[2]; }
  Lane& any_lane() { return lanes_[3]; }

  // Lending, pool.cpp:
  Lane* lane_for(const Want& want);
  Opened take(const Lane& lane, std::uint64_t newer_than);
  Opened lend(PooledConnection& connection);
  void set_aside(PooledConnection& connection);
  std::optional<base::Error> refusal(const Lane& lane, bool wants_fresh);
  base::Task<base::Result<Opened>> wait(Lane& lane, std::uint64_t newer_than, base::Time until);
  std::size_t room() const;
  std::size_t places(const Lane& lane) const;
  bool is_multiplexed(const Lane& lane) const;
  std::size_t usable(const Lane& lane) const;
  bool suits(const Lane& lane, const PooledConnection& connection) const;

  // Giving to those who wait, and opening, pool_connecting.cpp:
  base::Task<> run();
  void hand_out(Lane& lane);
  void hand_out(const Lane& lane, base::List<Waiter>& line);
  void make_room(Lane& lane);
  void give_up();
  void give_up(Lane& lane);
  void fail(base::List<Waiter>& line, const base::Error& error);
  void connect_more();
  bool wants_connect(const Lane& lane) const;
  base::Time next_attempt() const;
  bool is_dormant() const;
  void rest_if_unasked();
  bool may_widen(const Lane& lane) const;
  base::Task<> connect(Lane& lane);
  void add(Lane& lane, Dialed made, base::Duration took);
  void add_tunnel(Lane& lane, Dialed made, base::Duration took);
  void failed(Lane& lane, const base::Error& error, base::Time begun);
  static base::Error closed_at_once();

  // Of HTTP/2, before the peer has said how many it allows.
  static constexpr std::uint32_t most_first_streams = 100;

  base::Loop& loop_;
  const PoolSettings& settings_;
  Dialer& dialer_;
  const base::Address address_;
  const std::string preamble_;
  std::uint32_t& in_flight_;
  Owner& owner_;

  std::vector<std::unique_ptr<PooledConnection>> connections_;  // open, also while they drain
  base::List<PooledConnection::Available> available_;  // may take an exchange; last used at the end
  std::size_t usable_http1_ = 0;                       // open and not draining
  std::size_t usable_h2_ = 0;
  std::size_t tunnels_ = 0;
  struct Spare {
    Dialed made;
    base::Duration connect_time{};
  };
  Spare spare_;  // for a tunnel, until those who were held have asked

  std::array<Lane, 4> lanes_;
  std::size_t waiting_ = 0;     // in all of them
  std::size_t asking_ = 0;      // tasks of open(), also those that have one and do not know it
  std::size_t connecting_ = 0;  // likewise
  Outage outage_;
  const Lane* failed_lane_ = nullptr;  // whose connect failed last
  std::optional<bool> is_h2_;          // what the last connection turned out to be
  std::uint32_t first_streams_ = most_first_streams;
  std::uint64_t newest_ = 0;  // serial number
  bool is_retired_ = false;
  std::uint32_t active_ = 0;
  PoolCounts counts_;

  base::Event changed_;  // something for run() to look at
  base::TaskGroup connects_;
  base::TaskGroup running_;  // run()
};

}  // namespace upstream
