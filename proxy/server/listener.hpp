// One address that a worker listens on: the socket, the connections that came by it, and whom it
// has serve them: a listener of the present generation. It outlives configurations; which of their
// listeners it belongs to may change with each. Owned by the runtime; the worker's thread.
#pragma once

#include "proxy/net/acceptor.hpp"
#include "proxy/net/lingering.hpp"
#include "proxy/net/tls_accept.hpp"
#include "proxy/server/datagram_sessions.hpp"
#include "proxy/server/downstream_connection.hpp"
#include "proxy/server/exchange.hpp"
#include "proxy/server/generation.hpp"
#include "proxy/server/listening_sockets.hpp"

#include <memory>
#include <vector>

namespace server {

class Listener final : public http::Service, net::Acceptor::Owner, DatagramSessions::Owner {
 public:
  // All that is referred to outlives the listener.
  Listener(base::EventLoop& loop, net::Lingering& lingering, net::HandshakeTurns& turns,
           Admission& admission);
  ~Listener();

  // From now on connections and exchanges are that generation's; those that are under way keep
  // their own. number: of the listener, in the plan.
  void follow(base::Ref<Generation> generation, std::size_t number);
  // Once, and behind the first follow(): what comes from then on is served.
  void accept_on(NewSocket socket);

  const base::Address& address() const { return address_; }
  const PlannedListener& plan() const { return generation_->plan().listeners[number_]; }
  bool is_outbound() const { return is_outbound_; }
  // Its socket once more, for whoever takes it over.
  NewSocket duplicate() const {
    return {address_, sessions_ ? sessions_->duplicate() : acceptor_->duplicate(), nullptr};
  }
  // For connections from now on; null = clear.
  void set_tls(std::shared_ptr<const certs::TlsContext> context) { tls_ = std::move(context); }
  void pause() { sessions_ ? sessions_->accept(false) : acceptor_->pause(); }
  void resume() { sessions_ ? sessions_->accept(true) : acceptor_->resume(); }
  // Takes what waits to be accepted, closes the socket; connections are to go when they can.
  // is_replaced: by another process, which has the socket too.
  void drain(bool is_replaced = false);
  // Ends all connections: what is under way is `drained`. How many exchanges that were.
  std::size_t cut();
  bool carries_datagrams() const { return sessions_ != nullptr; }
  // And sessions.
  std::size_t connections() const {
    return connections_.size() + (sessions_ ? sessions_->size() : 0);
  }

  base::Task<> serve(http::Incoming&& incoming, http::ServerStream& stream) override;
  bool is_draining() const override { return is_draining_; }

 private:
  friend class DownstreamConnection;
  base::EventLoop& loop() const { return loop_; }
  net::Lingering& lingering() const { return lingering_; }
  net::HandshakeTurns& handshake_turns() const { return handshake_turns_; }
  const std::shared_ptr<const ListenerSettings>& settings() const { return plan().settings; }
  const std::shared_ptr<const certs::TlsContext>& tls() const { return tls_; }
  void forget(const DownstreamConnection& connection);
  // Whether a connection from there must begin with a PROXY header.
  bool must_say_for_whom(const base::Address& remote) const;
  void refused() { change(policy().counts.refused, +1); }
  void failed(const base::Error& proxy_header, const base::Address& remote) {
    policy().lost_clients->add(proxy_header, remote);
  }
  void failed(const net::FailedHandshake& handshake, const base::Address& remote) {
    policy().lost_clients->add(handshake, remote);
  }

  void on_accept(int descriptor, const base::Address& remote) override;
  bool free_descriptor() override;
  net::ConnectionLimits::Place admit_session(const base::Address& source) override;
  base::Millis session_idle() const override { return plan().config->udp->idle; }
  void session_began() override;
  void session_ended() override;
  void datagram_dropped() override;
  bool make_room();
  bool end_idle();
  net::ConnectionLimits::Place place_for(const base::Address& remote);
  const ListenerPolicy& policy() const { return generation_->policy(number_); }
  void let_go_if_over();

  base::EventLoop& loop_;
  net::Lingering& lingering_;
  net::HandshakeTurns& handshake_turns_;
  Admission& admission_;
  base::Address address_;
  base::Ref<Generation> generation_;  // none when it has drained
  std::size_t number_ = 0;
  bool is_outbound_ = false;
  bool is_draining_ = false;
  std::shared_ptr<const certs::TlsContext> tls_;
  std::unique_ptr<net::Acceptor> acceptor_;  // one of the two
  std::unique_ptr<DatagramSessions> sessions_;
  base::List<Exchange> exchanges_;
  std::vector<DownstreamConnection*> connections_;  // owned; each knows its place
  std::size_t next_looked_at_ = 0;                  // of these, when room is needed
};

}  // namespace server
