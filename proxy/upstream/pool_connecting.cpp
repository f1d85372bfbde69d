// Who waits gets what is free, and what is missing is opened: run() and what it does. See pool.hpp.
#include "proxy/upstream/pool.hpp"
#include "proxy/upstream/pool_waiter.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace upstream {
namespace {

using base::Error;
using base::Fault;
using base::Reason;
using base::Result;
using base::Task;
using base::Time;

constexpr double age_jitter = 0.1;
constexpr base::Millis last_chance{100};  // before `hold` is over
// How long after its last failure an outage is forgotten that nobody asks about.
constexpr std::chrono::seconds until_rest{10};
// Connects at a time: more would overflow the backlog of a small upstream.
constexpr std::size_t most_connecting = 128;

}  // namespace

Error Pool::closed_at_once() {
  Error error{Reason::reset, Fault::upstream, "the upstream closed the new connection"};
  error.unsent = true;
  return error;
}

Task<> Pool::run() {
  for (;;) {
    if (waiting_ > 0)
      for (Lane& lane : lanes_) hand_out(lane);
    spare_ = {};
    // After an error that lasts the next connect is made for those who wait, so they fail only
    // after it. Any other outage is probed whoever waits: they are sent elsewhere at once.
    rest_if_unasked();
    const bool is_tried_for_them = outage_.error().lasting || is_dormant();
    if (!is_tried_for_them) give_up();
    connect_more();
    if (is_tried_for_them) give_up();
    if (is_retired_ && waiting_ == 0) retire();
    co_await changed_.wait(next_attempt());
  }
}

void Pool::hand_out(Lane& lane) {
  if (lane.count == 0) return;
  if (lane.is_tunnel && spare_.made.tunnel)
    add_tunnel(lane, std::move(spare_.made), spare_.connect_time);
  hand_out(lane, lane.fresh);
  make_room(lane);
  hand_out(lane, lane.waiting);
}

void Pool::hand_out(const Lane& lane, base::List<Waiter>& line) {
  while (Waiter* waiter = line.front()) {
    Opened opened = take(lane, waiter->newer_than());
    if (!opened.stream) return;
    waiter->give(std::move(opened));
  }
}

// Where no more may be opened, an idle connection that nobody who waits can use is closed. If there
// is none, since streams share connections, whoever wanted a fresh one takes any.
void Pool::make_room(Lane& lane) {
  if (lane.count == 0 || connecting_ > 0 || room() > 0) return;
  for (auto* place = available_.front(); place; place = available_.after(*place))
    if (place->connection.streams() == 0 &&
        (!lane.fresh.empty() || !suits(lane, place->connection)))
      return place->connection.leave();
  if (!lane.fresh.empty() && usable_h2_ > 0) lane.fresh.front()->take_any();
}

void Pool::give_up() {
  if (waiting_ == 0 || !outage_.is_on() || connecting_ > 0) return;
  for (Lane& lane : lanes_) give_up(lane);
}

// The endpoint cannot be connected to: only those wait on who may get a connection that is open.
void Pool::give_up(Lane& lane) {
  fail(lane.fresh, outage_.error());
  if (usable(lane) == 0) fail(lane.waiting, outage_.error());
}

void Pool::fail(base::List<Waiter>& line, const Error& error) {
  while (Waiter* waiter = line.front()) waiter->fail(error);
}

// --- opening ---

void Pool::connect_more() {
  for (Lane& lane : lanes_) {
    while (wants_connect(lane) && room() > 0) {
      ++lane.connecting;
      ++connecting_;
      connects_.spawn(connect(lane)).release();
    }
  }
}

bool Pool::wants_connect(const Lane& lane) const {
  if (outage_.is_on()) return &lane == failed_lane_ && loop_.now() >= next_attempt();
  if (lane.count == 0 || connecting_ >= most_connecting) return false;
  if (is_multiplexed(lane)) return lane.connecting == 0 && !may_widen(lane);
  return lane.count > lane.connecting;
}

// After a connect that failed: one attempt at a time, until one succeeds.
Time Pool::next_attempt() const {
  const bool is_wanted = waiting_ > 0;
  if (!outage_.is_on() || connecting_ > 0 || room() == 0) return base::never;
  if (is_retired_ && !is_wanted) return base::never;
  if (is_dormant() && !is_wanted) return outage_.failed_at() + until_rest;
  const Time next = outage_.next_attempt(is_wanted);
  if (outage_.error().lasting) return next;
  // Whoever is held has a last chance before that ends.
  const Time last = outage_.since() + settings_.limits.hold - last_chance;
  return loop_.now() < last ? std::min(next, last) : next;
}

// The pool of a single client, of which there may be thousands, stops trying once nobody can be
// held any more.
bool Pool::is_dormant() const {
  return !preamble_.empty() && outage_.is_on() &&
         loop_.now() > outage_.since() + settings_.limits.hold;
}

// Ends the outage of a dormant pool without a success: an endpoint that the balancer leaves out
// would never be asked again.
void Pool::rest_if_unasked() {
  if (!is_dormant() || waiting_ > 0 || loop_.now() < outage_.failed_at() + until_rest) return;
  outage_.rest();
  owner_.on_reachability(false);
}

// Whether what is open may soon take those who wait.
bool Pool::may_widen(const Lane& lane) const {
  const Waiter* last = lane.fresh.back();
  const std::uint64_t newer_than = last ? last->newer_than() : 0;
  return std::any_of(connections_.begin(), connections_.end(), [&](const auto& each) {
    return each->tenure().serial > newer_than && suits(lane, *each) && each->may_widen();
  });
}

Task<> Pool::connect(Lane& lane) {
  const Time begun = loop_.now();
  Dial wanted{
      address_, lane.protocol, lane.is_tunnel, first_streams_, begun + settings_.connect_timeout,
      preamble_};
  Result<Dialed> made = co_await dialer_.dial(std::move(wanted));
  --lane.connecting;
  --connecting_;
  if (!made)
    failed(lane, made.error(), begun);
  else if (made->connection && made->connection->has_left())
    failed(lane, closed_at_once(), begun);
  else
    add(lane, std::move(*made), loop_.now() - begun);
  changed_.set();
}

void Pool::add(Lane& lane, Dialed made, base::Duration took) {
  ++counts_.connects;
  if (outage_.is_on()) {
    outage_.end(loop_.now());
    owner_.on_reachability(true);
  }
  if (made.tunnel) return add_tunnel(lane, std::move(made), took);
  PooledConnection& connection = *made.connection;
  if (&lane == &any_lane()) is_h2_ = connection.is_h2();
  const double age = loop_.random().between(1 - age_jitter, 1 + age_jitter);
  const auto max_age = std::chrono::duration_cast<base::Duration>(settings_.limits.max_age * age);
  connection.index = connections_.size();
  connections_.push_back(std::move(made.connection));
  ++(connection.is_h2() ? usable_h2_ : usable_http1_);
  available_.push_back(connection.available);
  connection.join(*this, {++newest_, loop_.now(), took, made.tls_time,
                          base::deadline(loop_.now(), max_age), settings_.limits.max_requests});
}

// For the one who has waited longest. If nobody waits it is kept for this turn, for one who was
// held and is about to ask, and then closed.
void Pool::add_tunnel(Lane& lane, Dialed made, base::Duration took) {
  Waiter* first = lane.waiting.empty() ? lane.fresh.front() : lane.waiting.front();
  if (!first) {
    spare_ = {std::move(made), took};
    return;
  }
  Opened opened;
  opened.tunnel = Tunnel(*this, std::move(made.tunnel));
  opened.connect_time = took;
  opened.tls_time = made.tls_time;
  opened.since = loop_.now();
  first->give(std::move(opened));
}

// An error that lasts and concerns one protocol alone (it is not offered) is no outage of the
// endpoint.
void Pool::failed(Lane& lane, const Error& error, Time begun) {
  ++counts_.connect_failures;
  if (error.reason == Reason::connect_timeout) ++counts_.connect_timeouts;
  if (error.reason == Reason::tls_failure) ++counts_.tls_failures;
  if (error.lasting && &lane != &any_lane() && !lane.is_tunnel) {
    fail(lane.fresh, error);
    fail(lane.waiting, error);
    return;
  }
  failed_lane_ = &lane;
  const bool was_on = outage_.is_on();
  outage_.failed(error, begun, loop_.now());
  if (!was_on) owner_.on_reachability(true);
}

}  // namespace upstream
