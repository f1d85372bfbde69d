// The sessions of one socket that clients send datagrams to: one for each address that they come
// from, and of ours for each that they ask. Owned by the listener; the worker's thread.
#pragma once

#include "proxy/net/datagrams.hpp"
#include "proxy/server/datagram_session.hpp"

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace server {

class DatagramSessions final : net::BoundDatagrams::Owner, DatagramSession::Owner {
 public:
  class Owner {
   public:
    // Whether a client that is new may have one; it has told those that count if not.
    virtual net::ConnectionLimits::Place admit_session(const base::Address& source) = 0;
    virtual base::Millis session_idle() const = 0;
    virtual void session_began() = 0;
    virtual void session_ended() = 0;
    virtual void datagram_dropped() = 0;

   protected:
    ~Owner() = default;
  };

  DatagramSessions(base::EventLoop& loop, base::Descriptor descriptor, http::Service& service,
                   Owner& owner);
  DatagramSessions(const DatagramSessions&) = delete;
  DatagramSessions& operator=(const DatagramSessions&) = delete;
  ~DatagramSessions();

  void accept(bool is_wanted) { takes_new_ = is_wanted; }
  // Takes no new clients; sessions end when they fall quiet. is_replaced: another process receives
  // in our place from now on.
  void drain(bool is_replaced);
  void cut();
  std::size_t size() const { return sessions_.size(); }
  // The socket once more, for another process.
  base::Descriptor duplicate() const { return socket_.duplicate(); }

 private:
  void on_datagram(const base::Address& source, const base::Address& asked,
                   std::string_view bytes) override;
  DatagramSession* begin(const base::Address& source, const base::Address& asked,
                         const std::string& key);
  void send(const DatagramSession& session, base::Bytes datagram) override;
  void on_over(DatagramSession& session) override;
  void on_gone(DatagramSession& session) override;
  void close_if_over();

  base::EventLoop& loop_;
  http::Service& service_;
  Owner& owner_;
  bool takes_new_ = true;
  bool is_draining_ = false;
  bool is_replaced_ = false;
  std::unordered_map<std::string, DatagramSession*> by_client_;
  std::vector<DatagramSession*> sessions_;  // owned; each knows its place
  std::uint64_t dropped_ = 0;               // of the socket's, as far as it was told
  net::BoundDatagrams socket_;              // last: takes no datagram for what is gone
};

}  // namespace server
