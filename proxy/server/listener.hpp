// One listener of one worker: its listening sockets, the connections that came by them, and the
// service that answers their requests. Owned by the worker; its thread.
#pragma once

#include "proxy/net/acceptor.hpp"
#include "proxy/net/tls_accept.hpp"
#include "proxy/server/connection.hpp"
#include "proxy/server/exchange.hpp"

#include <memory>
#include <vector>

namespace server {

struct ListenerSettings {
  http1::ServerSettings http1;
  http2::ServerSettings http2;
  base::Millis handshake_timeout{5'000};
  base::Millis idle_timeout{60'000};
  bool speaks_http1 = true;
  bool speaks_h2 = true;
};

// A listening socket that control has bound for this worker.
struct Bound {
  int descriptor;
  bool is_shared;  // with the other workers (Unix sockets)
};

class Listener final : public http::Service, net::Acceptor::Handler {
 public:
  // All that is referred to outlives the listener.
  Listener(base::EventLoop& loop, net::Lingering& lingering, net::HandshakeTurns& turns,
           Admission& admission, const ListenerSettings& settings, Front front);
  ~Listener();

  void accept_on(const std::vector<Bound>& sockets);
  // For connections from now on; null = clear.
  void set_tls(std::shared_ptr<const certs::Context> context) { tls_ = std::move(context); }
  void pause();
  void resume();
  // Takes what waits to be accepted, closes the sockets; connections are to go when they can.
  void drain();
  // Ends all connections: what is under way is `drained`. How many exchanges that were.
  std::size_t cut();
  std::size_t connections() const { return connections_.size(); }

  base::Task<> serve(http::Incoming incoming, http::ServerStream& stream) override;
  bool is_draining() const override { return is_draining_; }

 private:
  friend class Connection;
  base::EventLoop& loop() const { return loop_; }
  net::Lingering& lingering() const { return lingering_; }
  net::HandshakeTurns& handshake_turns() const { return handshake_turns_; }
  const ListenerSettings& settings() const { return settings_; }
  const std::shared_ptr<const certs::Context>& tls() const { return tls_; }
  void forget(const Connection& connection);
  void failed(const net::FailedHandshake& handshake, const base::Address& remote) {
    front_.handshake_failures->add(handshake, remote);
  }

  void on_accept(int descriptor, const base::Address& remote) override;
  bool free_descriptor() override { return lingering_.end_oldest(); }
  net::ConnectionLimits::Place place_for(const base::Address& remote);

  base::EventLoop& loop_;
  net::Lingering& lingering_;
  net::HandshakeTurns& handshake_turns_;
  Admission& admission_;
  const ListenerSettings& settings_;
  Front front_;
  std::shared_ptr<const certs::Context> tls_;
  std::vector<std::unique_ptr<net::Acceptor>> acceptors_;
  base::List<Exchange> exchanges_;
  std::vector<Connection*> connections_;  // owned; each knows its place
  bool is_draining_ = false;
};

}  // namespace server
