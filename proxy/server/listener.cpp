#include "proxy/server/listener.hpp"

#include <unistd.h>

namespace server {

Listener::Listener(base::EventLoop& loop, net::Lingering& lingering, net::HandshakeTurns& turns,
                   Admission& admission, const ListenerSettings& settings, Front front)
    : loop_(loop),
      lingering_(lingering),
      handshake_turns_(turns),
      admission_(admission),
      settings_(settings),
      front_(std::move(front)) {}

Listener::~Listener() {
  acceptors_.clear();
  while (!connections_.empty()) delete connections_.back();
}

void Listener::accept_on(const std::vector<Bound>& sockets) {
  net::Acceptor::Handler& handler = *this;
  for (const Bound& socket : sockets)
    acceptors_.push_back(
        std::make_unique<net::Acceptor>(loop_, socket.descriptor, socket.is_shared, handler));
}

void Listener::pause() {
  for (const auto& acceptor : acceptors_) acceptor->pause();
}

void Listener::resume() {
  for (const auto& acceptor : acceptors_) acceptor->resume();
}

void Listener::drain() {
  if (is_draining_) return;
  for (const auto& acceptor : acceptors_) acceptor->close();
  is_draining_ = true;
  for (Connection* each : connections_) each->drain();
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
  for (Connection* each : connections_) each->cut();
  return count;
}

void Listener::on_accept(int descriptor, const base::Address& remote) {
  net::ConnectionLimits::Place place = place_for(remote);
  if (!place) {
    change(front_.counts.refused, +1);
    ::close(descriptor);
    return;
  }
  auto* connection = new Connection(
      *this, std::make_unique<net::Transport>(loop_, descriptor, std::move(place)), remote);
  connection->place = connections_.size();
  connections_.push_back(connection);
  change(front_.counts.connections, +1);
  connection->start();
}

// What only lingers makes room for what has a request.
net::ConnectionLimits::Place Listener::place_for(const base::Address& remote) {
  net::ConnectionLimits& limits = admission_.limits();
  net::ConnectionLimits::Place place = limits.admit(remote);
  if (place) return place;
  const bool has_room =
      limits.is_full() ? lingering_.end_oldest() : lingering_.end_oldest_of(remote);
  if (has_room) place = limits.admit(remote);
  return place;
}

void Listener::forget(const Connection& connection) {
  connections_[connection.place] = connections_.back();
  connections_[connection.place]->place = connection.place;
  connections_.pop_back();
  change(front_.counts.connections, -1);
}

base::Task<> Listener::serve(http::Incoming incoming, http::ServerStream& stream) {
  Exchange exchange(front_, std::move(incoming), stream);
  exchanges_.push_back(exchange);
  co_await exchange.run();
}

}  // namespace server
