// Removes what concerns one connection only and must not be forwarded (RFC 9110 7.6.1): the fields
// that `connection` names, and those that always are: connection, keep-alive, proxy-connection, te,
// trailer, transfer-encoding, upgrade, http2-settings. Some fields are never removed because
// `connection` names them: a client could thereby take away what others rely on. One pass, pure.
#pragma once

#include "proxy/http/message.hpp"

namespace http {

// Also drops proxy-authorization, which is for us, and names with `_`, which some servers cannot tell from
// `-`, and notes `te: trailers`.
void clean_request(RequestHead& head);
void clean_response(Headers& headers);

}  // namespace http
