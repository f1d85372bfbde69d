#include "proxy/upstream/pool.hpp"

#include <algorithm>
#include <utility>

#include "proxy/net/connector.hpp"
#include "proxy/upstream/pool_http1.hpp"
#include "proxy/upstream/pool_http2.hpp"

namespace upstream {
namespace {

using base::Error;
using base::Fault;
using base::Reason;
using base::Result;
using base::Task;
using base::Time;

constexpr double age_jitter = 0.1;
constexpr base::Millis connect_pause{500};  // after one that failed, while others serve
constexpr base::Millis connect_slack{100};  // a connect that fails by its own limit is to say so

Error pool_full() {
  Error error{Reason::pool_full, Fault::proxy, "all connections are in use"};
  error.unsent = true;
  return error;
}

Error no_common_protocol() {
  Error error{Reason::tls_failure, Fault::upstream, "the upstream does not offer HTTP/2"};
  error.unsent = true;
  return error;
}

Error closed_at_once() {
  Error error{Reason::reset, Fault::upstream, "the upstream closed the new connection"};
  error.unsent = true;
  return error;
}

void forget(std::vector<Connection*>& list, const Connection& connection) {
  list.erase(std::remove(list.begin(), list.end(), &connection), list.end());
}

}  // namespace

// An exchange that waits; lives in the frame of open(), which may be destroyed at any time.
class Pool::Waiter : public base::Link {
 public:
  Waiter(Pool& pool, std::uint64_t newer_than)
      : newer_than_(newer_than), ready_(pool.loop_), pool_(pool) {
    ++pool_.in_flight_;
    ++pool_.waiting_count_;
    (newer_than == 0 ? pool_.waiting_ : pool_.waiting_for_fresh_).push_back(*this);
  }
  ~Waiter() {
    --pool_.in_flight_;
    if (is_linked()) --pool_.waiting_count_;
  }

  void done() {
    unlink();
    --pool_.waiting_count_;
    ready_.set();
  }
  // There will be no fresh connection: the next that is free will do.
  void take_any() {
    unlink();
    newer_than_ = 0;
    pool_.waiting_.push_front(*this);
  }

  std::uint64_t newer_than_;
  Opened opened_;
  std::optional<Error> error_;
  base::Event ready_;

 private:
  Pool& pool_;
};

Pool::Pool(base::EventLoop& loop, const PoolSetup& setup, const base::Address& address,
           std::uint32_t& in_flight)
    : loop_(loop),
      setup_(setup),
      limits_(setup.cluster->pool),
      address_(address),
      in_flight_(in_flight),
      connects_(loop) {
  const config::Protocol protocol = setup.cluster->protocol;
  if (protocol == config::Protocol::h2) is_h2_ = true;
  if (protocol == config::Protocol::http1 || (protocol != config::Protocol::h2 && !setup.tls))
    is_h2_ = false;
}

Pool::~Pool() = default;

// --- handing out ---

Pool::Opened Pool::open_now() { return waiting_.empty() ? take(0) : Opened(); }

Pool::Opened Pool::take(std::uint64_t newer_than) {
  for (std::size_t i = h2_.size(); i-- > 0;) {
    Connection& connection = *h2_[i];
    if (connection.is_worn()) {
      connection.drain();
    } else if (connection.origin().serial > newer_than && connection.free_streams() > 0) {
      return open_on(connection);
    }
  }
  for (std::size_t i = idle_http1_.size(); i-- > 0;) {
    Connection& connection = *idle_http1_[i];
    if (connection.origin().serial <= newer_than) continue;
    if (connection.free_streams() == 0) {
      connection.leave();
      continue;
    }
    idle_http1_.erase(idle_http1_.begin() + static_cast<std::ptrdiff_t>(i));
    return open_on(connection);
  }
  return {};
}

Pool::Opened Pool::open_on(Connection& connection) {
  const bool was_reused = connection.requests() > 0;
  if (was_reused) ++counts_.reused;
  return {connection.open(), was_reused,
          was_reused ? base::Duration::zero() : connection.origin().connect_time};
}

Task<Result<Pool::Opened>> Pool::open(Time until, std::uint64_t newer_than) {
  if ((newer_than == 0 ? waiting_ : waiting_for_fresh_).empty()) {
    Opened now = take(newer_than);
    if (now.stream) co_return now;
  }
  const std::size_t served = served_by_connects();
  if (waiting_count_ >= served + limits_.pending) {
    ++counts_.refused;
    co_return pool_full();
  }
  base::Duration longest = limits_.wait;
  if (waiting_count_ < served)
    longest = std::max<base::Duration>(longest, setup_.cluster->connect_timeout + connect_slack);
  Waiter waiter(*this, newer_than);
  serve();
  const bool came = co_await waiter.ready_.wait(std::min(until, loop_.now() + longest));
  if (waiter.error_) co_return *waiter.error_;
  if (came && waiter.opened_.stream) co_return std::move(waiter.opened_);
  ++counts_.refused;
  co_return pool_full();
}

// Gives what is there to those who wait, in their order, and opens what is missing.
void Pool::serve() {
  if (std::exchange(is_serving_, true)) return;
  do {
    serve(waiting_for_fresh_);
    if (!waiting_for_fresh_.empty()) make_room();
    serve(waiting_);
  } while (connect_more());
  is_serving_ = false;
}

void Pool::serve(base::List<Waiter>& line) {
  while (Waiter* waiter = line.front()) {
    waiter->opened_ = take(waiter->newer_than_);
    if (!waiter->opened_.stream) return;
    waiter->done();
  }
}

// --- opening ---

bool Pool::is_multiplexed() const { return is_h2_.value_or(true); }

// Connections that serve those who wait, now or later.
std::size_t Pool::serving() const {
  const auto serves = [](const auto& connection) { return !connection->is_draining(); };
  return static_cast<std::size_t>(std::count_if(connections_.begin(), connections_.end(), serves));
}

// Connections that may still be opened. Those that drain do not count: they would keep a new one out
// for as long as their last stream lasts.
std::size_t Pool::room() const {
  const std::size_t open = serving() + connecting_;
  return open < limits_.connections ? limits_.connections - open : 0;
}

// How many of those who wait can count on a connection that is being opened, or may be.
std::size_t Pool::served_by_connects() const {
  return (connecting_ + room()) * (is_multiplexed() ? limits_.streams : 1);
}

std::size_t Pool::wanted_connects() const {
  if (waiting_count_ == 0) return 0;
  if (loop_.now() < connects_again_ && waiting_for_fresh_.empty() && serving() > 0) return 0;
  if (is_multiplexed()) return connecting_ > 0 || may_widen() ? 0 : 1;
  return waiting_count_ > connecting_ ? waiting_count_ - connecting_ : 0;
}

// Whether what is open may soon take those who wait.
bool Pool::may_widen() const {
  return waiting_for_fresh_.empty() &&
         std::any_of(h2_.begin(), h2_.end(), [](const auto* each) { return each->may_widen(); });
}

// Whether something may have changed for those who wait.
bool Pool::connect_more() {
  const std::size_t possible = std::min(wanted_connects(), room());
  for (std::size_t count = possible; count > 0; --count) {
    ++connecting_;
    connects_.spawn(connect()).release();
  }
  return possible > 0;
}

// For an exchange that needs a fresh connection while all places are taken: an idle older one goes.
// Where streams share connections none is idle for it, and it takes what it can get.
void Pool::make_room() {
  if (connecting_ > 0 || room() > 0) return;
  if (!idle_http1_.empty())
    idle_http1_.front()->leave();
  else if (!h2_.empty())
    waiting_for_fresh_.front()->take_any();
}

Task<> Pool::connect() {
  const Time begun = loop_.now();
  const Time until = begun + setup_.cluster->connect_timeout;
  auto transport = co_await net::connect(loop_, address_, setup_.tls, until);
  --connecting_;
  if (transport) {
    add(std::move(*transport), loop_.now() - begun);
  } else {
    ++counts_.connect_failures;
    fail_waiters(transport.error());
  }
  serve();
  if (is_retired_) retire();
}

void Pool::add(std::unique_ptr<net::Transport> transport, base::Duration took) {
  const bool demands_h2 = setup_.cluster->protocol == config::Protocol::h2;
  const net::TlsSession* tls = transport->tls();
  const bool is_h2 = tls ? tls->protocol() == "h2" : demands_h2;
  if (demands_h2 && !is_h2) return fail_waiters(no_common_protocol());
  is_h2_ = is_h2;
  ++counts_.connects;
  const double age = loop_.random().between(1 - age_jitter, 1 + age_jitter);
  const auto max_age = std::chrono::duration_cast<base::Duration>(limits_.max_age * age);
  const Origin origin{++newest_, took, base::deadline(loop_.now(), max_age), limits_.max_requests};
  // An HTTP/2 connection reads at once, and may have something to tell before it is here.
  const bool was_serving = std::exchange(is_serving_, true);
  auto connection = is_h2 ? make_h2_connection(*this, setup_, origin, std::move(transport))
                          : make_http1_connection(*this, setup_, origin, std::move(transport));
  is_serving_ = was_serving;
  if (connection->has_left()) {
    (void)connection.release();  // it destroys itself
    return fail_waiters(closed_at_once());
  }
  (is_h2 ? h2_ : idle_http1_).push_back(connection.get());
  connections_.push_back(std::move(connection));
}

// A handshake that was to serve all fails all; else each connect answers for one. Whom a connection
// that is there may serve yet waits for that.
void Pool::fail_waiters(const Error& error) {
  connects_again_ = loop_.now() + connect_pause;
  for (base::List<Waiter>* line : {&waiting_for_fresh_, &waiting_}) {
    if (line == &waiting_ && serving() > 0) return;
    while (Waiter* waiter = line->front()) {
      waiter->error_ = error;
      waiter->done();
      if (!is_multiplexed()) return;
    }
  }
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

void Pool::became_free(Connection& connection) {
  if (is_retired_ && waiting_count_ == 0) {
    if (connection.streams() == 0) connection.leave();
    return;
  }
  if (!connection.is_h2()) idle_http1_.push_back(&connection);
  if (waiting_count_ > 0) serve();
}

void Pool::drains(Connection& connection) {
  forget(h2_, connection);
  forget(idle_http1_, connection);
}

void Pool::remove(Connection& connection) {
  drains(connection);
  const auto found = std::find_if(connections_.begin(), connections_.end(),
                                  [&](const auto& owned) { return owned.get() == &connection; });
  if (found != connections_.end()) {
    (void)found->release();  // it destroys itself
    connections_.erase(found);
  }
  if (waiting_count_ > 0) serve();
}

// --- the end, and looking at it ---

void Pool::retire() {
  is_retired_ = true;
  while (!idle_http1_.empty()) idle_http1_.back()->leave();
  while (!h2_.empty()) h2_.back()->drain();
}

bool Pool::is_empty() const {
  return connections_.empty() && waiting_count_ == 0 && connects_.empty() && in_flight_ == 0;
}

PoolSnapshot Pool::snapshot() const {
  PoolSnapshot now = counts_;
  now.connecting = static_cast<std::uint32_t>(connecting_);
  now.active = active_;
  now.pending = static_cast<std::uint32_t>(waiting_count_);
  now.open = static_cast<std::uint32_t>(connections_.size());
  for (const auto& connection : connections_) {
    if (connection->streams() == 0) ++now.idle;
    now.connections.push_back({connection->is_h2() ? "h2" : "http1", connection->streams(),
                               connection->requests()});
  }
  return now;
}

}  // namespace upstream
