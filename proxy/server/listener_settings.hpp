// What a listener's configuration says of its connections rather than of their exchanges. A value.
#pragma once

#include "proxy/base/time.hpp"
#include "proxy/http1/server.hpp"
#include "proxy/http2/server.hpp"

namespace server {

struct ListenerSettings {
  http1::ServerSettings http1;
  http2::ServerSettings http2;
  base::Millis handshake_timeout{5'000};
  base::Millis idle_timeout{60'000};
  bool speaks_h2 = true;
  bool is_tcp = false;  // opaque bytes, none of both
  bool accepts_proxy_protocol = false;
  bool tells_upstream = false;  // some cluster is told of a client's connection
};

}  // namespace server
