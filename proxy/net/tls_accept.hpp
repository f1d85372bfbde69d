// The server's side of a TLS handshake, from the client's first byte on. Called by the listener's
// connections; the loop's thread.
#pragma once

#include "certs/store.hpp"
#include "proxy/net/handshake_turns.hpp"
#include "proxy/net/tls_failure.hpp"
#include "proxy/net/transport.hpp"

#include <memory>
#include <optional>

namespace net {

struct FailedHandshake {
  TlsFailure failure;
  Error error;
  bool is_silent = false;  // the client left without a byte: a port that was looked at
};

// None = the transport is TLS now. A client that speaks HTTP in clear was not answered: the
// transport is clear still, and may tell it.
Task<std::optional<FailedHandshake>> accept_tls(Transport& transport,
                                                std::shared_ptr<const certs::TlsContext> context,
                                                HandshakeTurns& turns, Time until);

}  // namespace net
