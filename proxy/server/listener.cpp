#include "proxy/server/listener.hpp"

#include <algorithm>
#include <unistd.h>

namespace server {
namespace {

constexpr std::size_t most_looks = 64;  // at connections, for one that is idle
constexpr base::Millis while_new{1'000};

// Whether what a connection settled when it opened would be settled otherwise now.
bool opens_otherwise(const config::Listener& a, const config::Listener& b) {
  return a.tls != b.tls || a.http1 != b.http1 || a.h2 != b.h2 || !a.tcp != !b.tcp ||
         a.accepts_proxy_protocol != b.accepts_proxy_protocol;
}

}  // namespace

Listener::Listener(base::EventLoop& loop, net::Lingering& lingering, net::HandshakeTurns& turns,
                   Admission& admission)
    : loop_(loop), lingering_(lingering), handshake_turns_(turns), admission_(admission) {}

Listener::~Listener() {
  acceptor_.reset();
  is_draining_ = false;  // the generation stays until the last session has told its end
  sessions_.reset();
  while (!connections_.empty()) delete connections_.back();
}

void Listener::follow(base::Ref<Generation> generation, std::size_t number) {
  const base::Ref<Generation> before = std::move(generation_);
  const std::size_t number_before = std::exchange(number_, number);
  generation_ = std::move(generation);
  is_outbound_ = plan().is_outbound();
  tls_ = plan().tls;
  if (!before) return;
  const PlannedListener& old = before->plan().listeners[number_before];
  const auto count = static_cast<std::int64_t>(connections());
  change(before->policy(number_before).counts.connections, -count);
  change(policy().counts.connections, +count);
  const bool is_to_go = opens_otherwise(*old.config, *plan().config);
  for (DownstreamConnection* each : connections_)
    is_to_go ? each->drain() : each->adopt(settings());
}

void Listener::accept_on(NewSocket socket) {
  address_ = socket.address;
  if (plan().carries_datagrams()) {
    http::Service& service = *this;
    DatagramSessions::Owner& owner = *this;
    sessions_ =
        std::make_unique<DatagramSessions>(loop_, std::move(socket.descriptor), service, owner);
    return;
  }
  net::Acceptor::Owner& owner = *this;
  acceptor_ = std::make_unique<net::Acceptor>(loop_, std::move(socket.descriptor),
                                              std::move(socket.path), owner);
}

void Listener::drain(bool is_replaced) {
  if (is_draining_) return;
  if (acceptor_) acceptor_->close();
  is_draining_ = true;
  if (sessions_) sessions_->drain(is_replaced);
  for (DownstreamConnection* each : connections_) each->drain();
  let_go_if_over();
}

// What nobody can come by any more is not to hold a configuration.
void Listener::let_go_if_over() {
  if (is_draining_ && connections() == 0) generation_ = {};
}

std::size_t Listener::cut() {
  std::size_t count = 0;
  {
    base::TaskGroup answers(loop_);  // what a client does not take at once is not waited for
    while (Exchange* each = exchanges_.pop_front()) {
      answers.spawn(each->cut_short()).release();
      ++count;
    }
  }
  for (DownstreamConnection* each : connections_) each->cut();
  if (sessions_) sessions_->cut();
  return count;
}

void Listener::on_accept(int descriptor, const base::Address& remote) {
  // Whoever only hands on is no client: the one that it names is counted when it has named it.
  const bool is_proxy = must_say_for_whom(remote);
  net::ConnectionLimits::Place place = place_for(is_proxy ? base::Address() : remote);
  if (!place) {
    change(policy().counts.refused, +1);
    ::close(descriptor);
    return;
  }
  auto* connection = new DownstreamConnection(
      *this, std::make_unique<net::Transport>(loop_, descriptor, std::move(place)), remote);
  connection->place = connections_.size();
  connections_.push_back(connection);
  change(policy().counts.connections, +1);
  connection->start();
  admission_.has_admitted();
}

bool Listener::must_say_for_whom(const base::Address& remote) const {
  if (!settings()->accepts_proxy_protocol) return false;
  const std::vector<base::AddressRange>& trust = plan().forwarded.trust;
  return std::any_of(trust.begin(), trust.end(),
                     [&](const base::AddressRange& range) { return range.contains(remote); });
}

// What only lingers goes first, and who asks nothing next: silent clients are not to keep others
// out. Where it is let go it comes to linger itself.
bool Listener::make_room() {
  if (lingering_.end_oldest()) return true;
  if (!end_idle()) return false;
  lingering_.end_oldest();
  return true;
}

// They are looked at in turn, a few at a time: with thousands that are busy there is no room. What
// has only just come may have asked already, unread as yet.
bool Listener::end_idle() {
  const std::size_t looks = std::min(most_looks, connections_.size());
  for (std::size_t i = 0; i < looks; ++i) {
    next_looked_at_ = (next_looked_at_ + 1) % connections_.size();
    DownstreamConnection& each = *connections_[next_looked_at_];
    if (loop_.now() < each.accepted + while_new || !each.is_idle()) continue;
    each.cut();
    return true;
  }
  return false;
}

// Another worker's make room for the next.
net::ConnectionLimits::Place Listener::place_for(const base::Address& remote) {
  net::ConnectionLimits& limits = admission_.limits();
  net::ConnectionLimits::Place place = limits.admit(remote);
  if (place) return place;
  const bool has_room = limits.is_full() ? make_room() : lingering_.end_oldest_of(remote);
  if (has_room)
    place = limits.admit(remote);
  else
    admission_.neighbours().ask_for_room(remote);
  return place;
}

// Whoever has not been accepted yet waits in the kernel: nobody who is here is let go for it.
bool Listener::free_descriptor() {
  if (lingering_.end_oldest()) return true;
  admission_.neighbours().ask_for_descriptor();
  return false;
}

void Listener::forget(const DownstreamConnection& connection) {
  connections_[connection.place] = connections_.back();
  connections_[connection.place]->place = connection.place;
  connections_.pop_back();
  change(policy().counts.connections, -1);
  let_go_if_over();
}

// --- sessions ---

net::ConnectionLimits::Place Listener::admit_session(const base::Address& source) {
  std::uint64_t sessions = 0;  // of all workers
  for (int worker = 0; worker < generation_->plan().workers; ++worker)
    sessions += static_cast<std::uint64_t>(
        plan().counts[worker].connections.load(std::memory_order_relaxed));
  const std::uint64_t most = plan().config->udp->sessions;
  net::ConnectionLimits::Place place;
  if (sessions < most) place = place_for(source);
  if (place) return place;
  refused();
  policy().lost_clients->refused_session(source, sessions < most ? 0 : most);
  return place;
}

void Listener::session_began() {
  change(policy().counts.connections, +1);
  admission_.has_admitted();
}

void Listener::session_ended() {
  change(policy().counts.connections, -1);
  let_go_if_over();
}

void Listener::datagram_dropped() {
  if (generation_) change(policy().counts.dropped, +1);
}

base::Task<> Listener::serve(http::Incoming&& incoming, http::ServerStream& stream) {
  if (incoming.refused && incoming.refused->detail == http1::speaks_tls)
    failed({net::TlsFailure::clear_port, *incoming.refused}, stream.connection().remote);
  Exchange exchange(base::Ref<base::Counted>(*generation_), policy(), std::move(incoming), stream);
  exchanges_.push_back(exchange);
  co_await exchange.run();
}

}  // namespace server
