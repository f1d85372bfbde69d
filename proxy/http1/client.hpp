// An upstream connection that speaks HTTP/1: one exchange at a time. Owned by a pool; the loop's
// thread. It is used again only if the request was written whole, the response read whole, and not a
// byte was left over.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "proxy/http/stream.hpp"
#include "proxy/http1/parser.hpp"
#include "proxy/net/transport.hpp"

namespace http1 {

struct ClientLimits {
  HeadLimits head;  // of responses
  std::size_t trailer_bytes = 32 * 1024;
};

class OutgoingRequest;

class ClientConnection final : net::Transport::Owner {
 public:
  // Both may be called from inside a coroutine or a stream's destructor: the owner destroys the
  // connection later (Loop::reap_later).
  class Owner {
   public:
    virtual void on_idle(ClientConnection& connection) = 0;    // may be opened again
    virtual void on_closed(ClientConnection& connection) = 0;  // of no more use; told once

   protected:
    ~Owner() = default;
  };

  ClientConnection(std::unique_ptr<net::Transport> transport, const ClientLimits& limits,
                   Owner& owner);
  ~ClientConnection();  // no stream of it may be left

  // Only when idle and not stale.
  std::unique_ptr<http::ClientStream> open();
  bool is_idle() const { return !outgoing_; }
  // Bytes or the end came while it was idle. Asks the socket only if it was said to be readable.
  bool is_stale();
  // What the upstream's last response said in `keep-alive: timeout=`.
  std::optional<std::chrono::seconds> keep_alive_timeout() const { return keep_alive_timeout_; }
  net::Transport& transport() { return *transport_; }

 private:
  friend class OutgoingRequest;
  void on_hangup() override;
  void close();  // once
  void finished(bool is_reusable);

  std::unique_ptr<net::Transport> transport_;
  const ClientLimits& limits_;
  Owner& owner_;
  OutgoingRequest* outgoing_ = nullptr;
  std::optional<std::chrono::seconds> keep_alive_timeout_;
  bool is_closed_ = false;
};

}  // namespace http1
