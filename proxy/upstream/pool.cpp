#include "proxy/upstream/pool.hpp"

#include "proxy/upstream/pool_waiter.hpp"

#include <algorithm>
#include <utility>

namespace upstream {
namespace {

using base::Error;
using base::Fault;
using base::Reason;
using base::Result;
using base::Task;
using base::Time;
using config::HttpVersion;

constexpr base::Millis connect_slack{100};  // a connect that fails by its own limit is to say so

Error pool_full() {
  Error error{Reason::pool_full, Fault::proxy, "all connections are in use"};
  error.unsent = true;
  return error;
}

Error not_spoken() {
  Error error{Reason::upstream_protocol_error, Fault::upstream,
              "the cluster's `protocol` is another one"};
  error.unsent = true;
  error.lasting = true;
  return error;
}

}  // namespace

PoolSettings::PoolSettings(const config::Cluster& cluster, bool has_tls)
    : limits(cluster.pool),
      connect_timeout(cluster.connect_timeout),
      protocol(cluster.protocol == HttpVersion::automatic && !has_tls ? HttpVersion::http1
                                                                      : cluster.protocol) {}

Pool::Pool(base::Loop& loop, const PoolSettings& settings, Dialer& dialer,
           const base::Address& address, std::uint32_t& in_flight, Owner& owner,
           std::string preamble)
    : loop_(loop),
      settings_(settings),
      dialer_(dialer),
      address_(address),
      preamble_(std::move(preamble)),
      in_flight_(in_flight),
      owner_(owner),
      changed_(loop),
      connects_(loop),
      running_(loop) {
  http1_lane().protocol = HttpVersion::http1;
  h2_lane().protocol = HttpVersion::h2;
  tunnel_lane().is_tunnel = true;
  any_lane().protocol = settings.protocol;
  running_.spawn(run()).release();
}

Pool::~Pool() = default;

// --- lending ---

Task<Result<Opened>> Pool::open(Want want, Time until) {
  Lane* lane = lane_for(want);
  if (!lane) return Result<Opened>(not_spoken());
  if (!want.fresh && lane->waiting.empty()) {
    Opened now = take(*lane, 0);
    if (now.stream) return Result<Opened>(std::move(now));
  }
  if (const std::optional<Error> error = refusal(*lane, want.fresh)) return Result<Opened>(*error);
  return wait(*lane, want.fresh ? newest_ : 0, until);
}

Pool::Lane* Pool::lane_for(const Want& want) {
  if (want.tunnel) return &tunnel_lane();
  if (want.protocol == HttpVersion::automatic || want.protocol == settings_.protocol)
    return &any_lane();
  if (settings_.protocol != HttpVersion::automatic) return nullptr;
  return want.protocol == HttpVersion::h2 ? &h2_lane() : &http1_lane();
}

Opened Pool::take(const Lane& lane, std::uint64_t newer_than) {
  PooledConnection::Available* place = available_.back();
  while (place) {
    PooledConnection& connection = place->connection;
    place = available_.before(*place);
    if (!suits(lane, connection) || connection.tenure().serial <= newer_than) continue;
    if (connection.free_streams() > 0) return lend(connection);
    set_aside(connection);
  }
  return {};
}

Opened Pool::lend(PooledConnection& connection) {
  if (!connection.is_h2()) connection.available.unlink();
  const bool was_reused = connection.requests() > 0;
  if (was_reused) ++counts_.reused;
  Opened opened;
  opened.stream = connection.open();
  opened.was_reused = was_reused;
  const Tenure& tenure = connection.tenure();
  if (!was_reused) opened.connect_time = tenure.connect_time;
  if (!was_reused) opened.tls_time = tenure.tls_time;
  opened.since = tenure.since;
  opened.exchange = connection.requests();
  return opened;
}

// Of one that was listed as available and takes no exchange now. It lists itself again when it can;
// one that never will is closed.
void Pool::set_aside(PooledConnection& connection) {
  connection.available.unlink();
  if (connection.streams() == 0 && !connection.may_widen())
    connection.leave();
  else if (connection.is_worn())
    connection.drain();
}

// Why nobody may wait in this lane now.
std::optional<Error> Pool::refusal(const Lane& lane, bool wants_fresh) {
  if (outage_.is_on() && (wants_fresh || usable(lane) == 0)) {
    const bool is_tried_for_one = outage_.error().lasting || is_dormant();
    const bool is_next =
        is_tried_for_one && connecting_ == 0 && loop_.now() >= outage_.next_attempt(true);
    Error known = outage_.error();
    known.untried = true;
    if (!is_next) return known;
  }
  if (waiting_ < places(lane) + settings_.limits.pending) return std::nullopt;
  ++counts_.refused;
  return pool_full();
}

Task<Result<Opened>> Pool::wait(Lane& lane, std::uint64_t newer_than, Time until) {
  base::Duration longest = settings_.limits.wait;
  if (lane.count < places(lane))
    longest = std::max<base::Duration>(longest, settings_.connect_timeout + connect_slack);
  Waiter waiter(*this, lane, newer_than);
  changed_.set();
  const bool came = co_await waiter.ready.wait(std::min(until, loop_.now() + longest));
  if (waiter.error) co_return *waiter.error;
  if (came) co_return std::move(waiter.opened);
  ++counts_.refused;
  co_return outage_.is_on() ? outage_.error() : pool_full();
}

// Connections that may still be opened. Where all that are open drain, their last streams would keep
// everybody out for as long as they last: one more may be, up to twice the bound.
std::size_t Pool::room() const {
  const std::size_t most = settings_.limits.connections;
  const std::size_t open = connections_.size() + tunnels_ + connecting_;
  if (open < most) return most - open;
  const bool all_drain = usable_http1_ + usable_h2_ + tunnels_ + connecting_ == 0;
  return all_drain && open < 2 * most ? 1 : 0;
}

// How many of those who wait can count on a connection that is being opened, or may be.
std::size_t Pool::places(const Lane& lane) const {
  return (lane.connecting + room()) * (is_multiplexed(lane) ? settings_.limits.streams : 1);
}

bool Pool::is_multiplexed(const Lane& lane) const {
  if (lane.is_tunnel) return false;
  if (lane.protocol == HttpVersion::automatic) return is_h2_.value_or(true);
  return lane.protocol == HttpVersion::h2;
}

// Connections that can take those who wait, now or later.
std::size_t Pool::usable(const Lane& lane) const {
  if (lane.is_tunnel) return 0;
  if (lane.protocol == HttpVersion::automatic) return usable_http1_ + usable_h2_;
  return lane.protocol == HttpVersion::h2 ? usable_h2_ : usable_http1_;
}

bool Pool::suits(const Lane& lane, const PooledConnection& connection) const {
  if (lane.is_tunnel) return false;
  return lane.protocol == HttpVersion::automatic ||
         connection.is_h2() == (lane.protocol == HttpVersion::h2);
}

// --- what connections tell ---

void Pool::began() {
  ++active_;
  ++in_flight_;
  ++counts_.requests;
}

void Pool::ended() {
  --active_;
  --in_flight_;
}

void Pool::became_free(PooledConnection& connection) {
  if (is_retired_ && waiting_ == 0) {
    if (connection.streams() == 0) connection.leave();
    return;
  }
  if (!connection.is_draining() && !connection.available.is_linked())
    available_.push_back(connection.available);
  look_again();
}

// A new connection opens no more streams than the last peer allowed until it has said itself.
void Pool::learned_limit(std::uint32_t streams) {
  first_streams_ = std::min(streams, most_first_streams);
}

void Pool::drains(PooledConnection& connection) {
  connection.available.unlink();
  --(connection.is_h2() ? usable_h2_ : usable_http1_);
  look_again();
}

// A peer that accepts connections and closes them before anything was asked counts as one that
// refuses them, so that the next connect comes after a pause. Not while nobody waits: `hold` is
// counted from the first failure, and would be used up before anybody came.
void Pool::lost(const PooledConnection& connection) {
  constexpr std::chrono::seconds at_once{1};
  const Tenure& tenure = connection.tenure();
  if (waiting_ == 0 || connection.requests() > 0 || loop_.now() - tenure.since > at_once) return;
  failed(any_lane(), closed_at_once(), tenure.since - tenure.connect_time);
}

void Pool::remove(PooledConnection& connection) {
  if (!connection.is_draining()) drains(connection);
  connections_.back()->index = connection.index;
  std::swap(connections_[connection.index], connections_.back());
  (void)connections_.back().release();  // it destroys itself
  connections_.pop_back();
  look_again();
}

void Pool::tunnel_began() {
  began();
  ++tunnels_;
}

void Pool::tunnel_ended() {
  ended();
  --tunnels_;
  look_again();
}

// --- the end, and looking at it ---

void Pool::retire() {
  is_retired_ = true;
  for (std::size_t i = connections_.size(); i-- > 0;) {
    PooledConnection& connection = *connections_[i];
    if (connection.is_h2())
      connection.drain();
    else if (connection.streams() == 0)
      connection.leave();
  }
}

bool Pool::is_empty() const {
  return connections_.empty() && connects_.empty() && active_ == 0 && asking_ == 0;
}

PoolSnapshot Pool::snapshot() const {
  PoolSnapshot now;
  static_cast<PoolCounts&>(now) = counts_;
  now.connecting = static_cast<std::uint32_t>(connecting_);
  now.active = active_;
  now.pending = static_cast<std::uint32_t>(waiting_);
  now.open = static_cast<std::uint32_t>(connections_.size());
  now.tunnels = static_cast<std::uint32_t>(tunnels_);
  for (const auto& connection : connections_) {
    if (connection->streams() == 0) ++now.idle;
    now.connections.push_back(
        {connection->is_h2() ? "h2" : "http1", connection->streams(), connection->requests()});
  }
  if (outage_.is_on()) now.out_for = loop_.now() - outage_.since();
  return now;
}

}  // namespace upstream
