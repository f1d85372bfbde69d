// What the head of a final response must say, and must not, by its status and its request, in either
// version of HTTP. Pure, but for the clock behind `date`.
#pragma once

#include "proxy/http/message.hpp"

namespace http {

// Whether what follows is a tunnel's bytes: behind a 101, and behind a 2xx to CONNECT.
bool opens_tunnel(int status, Method request);
// Whether content may follow (RFC 9110 6.4.1): not to HEAD, not with 1xx, 204, 304, and behind a 2xx to
// CONNECT comes a tunnel.
bool may_have_content(int status, Method request);
// Whether content-length may stand there (RFC 9110 8.6): not with 1xx, 204, or a 2xx to CONNECT. In an
// answer to HEAD and in a 304 it tells what is not sent.
bool may_have_length(int status, Method request);

// For a response on its way downstream, whoever made it: adds `date` where there is none (RFC 9110
// 6.6.1; `now` by its loop), takes away a length that must not be, and content that must not be.
void complete_head(Response& response, Method request, base::WallTime now);

}  // namespace http
