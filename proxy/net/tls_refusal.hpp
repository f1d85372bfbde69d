// A server's refusal of our certificate. In TLS 1.3 it comes when our side of the handshake is done and
// the first request may be out, instead of an answer: still no request was looked at.
#pragma once

#include <optional>

#include "proxy/net/transport.hpp"

namespace net {

// Of a connection that failed; nothing = it failed otherwise.
std::optional<Error> refusal_of(const Transport& transport);

}  // namespace net
