// Opens upstream connections: TCP or a Unix socket, then TLS where it is asked for. Called by
// pools; the loop's thread.
#pragma once

#include "certs/store.hpp"
#include "proxy/net/handshake_turns.hpp"
#include "proxy/net/transport.hpp"

#include <memory>
#include <string>

namespace net {

// A connected transport, its handshake done if `tls` is given, by `until`. `preamble` is sent ahead
// of whatever comes, also of TLS; it is short. The error is
// connect_failure, connect_timeout or tls_failure, and `unsent`; `lasting` if the peer was
// there and TLS could not be agreed on. Destroying the task gives it up. The handshake begins when
// its turn has come; turns: null = at once.
Task<Result<std::unique_ptr<Transport>>> connect(base::EventLoop& loop, base::Address address,
                                                 std::shared_ptr<const certs::TlsContext> tls,
                                                 Time until, Offer offer = Offer::as_configured,
                                                 std::string preamble = {},
                                                 HandshakeTurns* turns = nullptr);

}  // namespace net
