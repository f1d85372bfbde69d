// A session's frames into a transport. On a clear socket large pieces go out from where they are,
// in one gathered write; over TLS all is joined, so that a record holds more than a frame's header.
#pragma once

#include "proxy/http2/session.hpp"
#include "proxy/net/transport.hpp"

namespace http2 {

class TransportOutput final : public Session::Output {
 public:
  explicit TransportOutput(net::Transport& transport) : transport_(transport) {
    if (!transport.tls()) return;
    most_unsent = most_joined;
    copied_at_most = most_joined;
  }
  // Pulls frames out of the session and writes them, a few rounds at a time. True: there is more,
  // and the socket would take it; others come first.
  bool flush(Session& session);
  // After a write that was not flush()'s: there is room for more of what the session holds.
  bool is_ready_for(const Session& session) const;

  void queue(std::string_view frames) override { transport_.queue(frames); }
  void queue(base::Bytes piece) override { transport_.queue(std::move(piece)); }
  std::size_t unsent() const override { return transport_.unsent(); }

 private:
  // With a frame more it still fits the buffer that the transport keeps.
  static constexpr std::size_t most_joined = 40 * 1024;
  net::Transport& transport_;
  bool is_flushing_ = false;
};

}  // namespace http2
