// What is spoken on a downstream connection once its transport is open: HTTP/1, HTTP/2, or bytes of
// which nothing is known. Owned by the connection; the worker's thread.
#pragma once

#include "proxy/http/stream.hpp"
#include "proxy/net/lingering.hpp"
#include "proxy/net/transport.hpp"

#include <memory>

namespace server {

struct ListenerSettings;

class Protocol {
 public:
  class Owner {
   public:
    // Nothing more will happen here. Not to be destroyed before this returns.
    virtual void on_closed() = 0;

   protected:
    ~Owner() = default;
  };

  virtual ~Protocol() = default;
  // `already_read`: what detection took from the socket, from `begun` on.
  virtual void start(base::Bytes already_read, base::Time begun) = 0;
  // Closes as soon as no exchange is under way.
  virtual void drain() = 0;
  // Ends now, whatever is under way; what was queued still goes out.
  virtual void cut() = 0;
  // No exchange is under way: it may be ended for the sake of another.
  virtual bool is_idle() const = 0;
  // Bounds and timeouts of a later configuration: for the exchanges that begin from now on.
  virtual void adopt(const std::shared_ptr<const ListenerSettings>& settings) = 0;
};

// What a protocol is given of its connection; all of it outlives the protocol.
struct ProtocolParts {
  net::Lingering& lingering;
  const http::ConnectionInfo& info;
  std::shared_ptr<const ListenerSettings> settings;
  http::Service& service;
  Protocol::Owner& owner;
};

std::unique_ptr<Protocol> make_http1(std::unique_ptr<net::Transport> transport,
                                     const ProtocolParts& parts);
std::unique_ptr<Protocol> make_h2(std::unique_ptr<net::Transport> transport,
                                  const ProtocolParts& parts);
std::unique_ptr<Protocol> make_tcp(std::unique_ptr<net::Transport> transport,
                                   const ProtocolParts& parts);

}  // namespace server
