// A downstream connection from accept to close: TLS handshake or detection of the version, then the
// protocol's own ServerConnection. Owned by its listener; destroys itself, through the loop, when the
// protocol is done with it. The worker's thread.
#pragma once

#include <memory>

#include "proxy/base/task_group.hpp"
#include "proxy/http1/server.hpp"
#include "proxy/http2/server.hpp"
#include "proxy/net/transport.hpp"

namespace server {

class Listener;

class Connection final : http1::ServerConnection::Owner,
                         http2::ServerConnection::Owner,
                         base::Reapable,
                         base::Timer {
 public:
  Connection(Listener& listener, std::unique_ptr<net::Transport> transport,
             const base::Address& remote);
  ~Connection();

  void start();
  // Closes as soon as no request is under way.
  void drain();
  // Ends now, whatever is under way; what was queued still goes out.
  void cut();

  std::size_t place = 0;  // in its listener's table

 private:
  base::Task<> open();
  base::Task<> find_protocol();
  base::Task<bool> shake_hands();
  void refuse_in_clear(std::string_view why);
  void speak_http1(base::Bytes already_read, base::Time begun = base::never);
  void speak_h2(base::Bytes already_read);
  void close();

  void on_closed(http1::ServerConnection&) override { close(); }
  void on_closed(http2::ServerConnection&) override { close(); }
  void reap() noexcept override { delete this; }
  void expired() override;

  bool is_opening() const { return !http1_ && !h2_; }

  Listener& listener_;
  http::ConnectionInfo info_;
  std::unique_ptr<net::Transport> transport_;  // until a protocol has it
  std::unique_ptr<http1::ServerConnection> http1_;
  std::unique_ptr<http2::ServerConnection> h2_;
  base::TaskGroup opening_;
};

}  // namespace server
