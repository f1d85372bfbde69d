// The handshake of WebSocket over HTTP/1 (RFC 6455 4): a key that the client makes, and the answer
// that proves that the server understood it. HTTP/2 has neither (RFC 8441 5). A request of which
// `protocol` is "websocket" has `sec-websocket-key` if it came by HTTP/1, and then the 101 that it
// is answered with has `sec-websocket-accept`. Pure.
#pragma once

#include "proxy/base/random.hpp"

#include <string>
#include <string_view>

namespace http {

inline constexpr std::string_view websocket_accept = "sec-websocket-accept";

std::string make_websocket_key(base::Random& random);
std::string websocket_answer(std::string_view key);

}  // namespace http
