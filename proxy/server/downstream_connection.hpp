// A downstream connection from accept to close: TLS handshake or detection of the version, then
// what is spoken on it. Owned by its listener; destroys itself, through the loop, when the protocol
// is done with it. The worker's thread.
#pragma once

#include "proxy/base/task_group.hpp"
#include "proxy/server/protocol.hpp"

#include <memory>

namespace server {

class Listener;

class DownstreamConnection final : Protocol::Owner, base::Reapable, base::Timer {
 public:
  DownstreamConnection(Listener& listener, std::unique_ptr<net::Transport> transport,
                       const base::Address& remote);
  ~DownstreamConnection();

  void start();
  // Closes as soon as no request is under way; who has not said anything yet has a last chance.
  void drain();
  // Ends now, whatever is under way; what was queued still goes out.
  void cut();
  // It asks nothing now, or has not said anything yet.
  bool is_idle() const;
  // Of a later configuration, for the requests that come from now on.
  void adopt(const std::shared_ptr<const ListenerSettings>& settings);

  std::size_t place = 0;  // in its listener's table
  const base::Time accepted;

 private:
  base::Task<> open();
  base::Task<> find_protocol();
  base::Task<bool> learn_client(base::Time until);
  base::Task<bool> shake_hands(base::Time until);
  void refuse_in_clear(std::string_view why);
  void speak_http1(base::Bytes already_read, base::Time begun = base::never);
  void speak_h2(base::Bytes already_read);
  void speak_tcp();
  void speak(std::unique_ptr<Protocol> protocol, base::Bytes already_read, base::Time begun);
  ProtocolParts parts();
  void close();

  void on_closed() override { close(); }
  void reap() noexcept override { delete this; }
  void expired() override;

  Listener& listener_;
  http::ConnectionInfo info_;
  std::unique_ptr<net::Transport> transport_;  // until a protocol has it
  std::unique_ptr<Protocol> protocol_;         // null while it opens
  bool is_draining_ = false;
  bool is_closing_ = false;
  bool is_refused_ = false;  // it speaks in clear where TLS is spoken
  base::TaskGroup opening_;
};

}  // namespace server
