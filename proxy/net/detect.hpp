// Tells HTTP/2 from HTTP/1 on a clear connection by what the client sends first: the preface of
// RFC 9113, 3.4, or anything else. Called by the listener; the loop's thread.
#pragma once

#include "proxy/net/transport.hpp"

namespace net {

struct Detected {
  bool is_h2 = false;
  Bytes read;  // what was taken from the socket to find out
  Time begun;  // when its first byte came
};

// Waits `idle` for the first byte, and from then on `rest` for the rest of the preface. Nothing is
// lost: what was read comes with the answer. The error says request_timeout, or client_gone. What
// stops after "P" may have been a POST: it is HTTP/1, which knows how to answer it.
Task<Result<Detected>> detect(Transport& transport, base::Millis idle, base::Millis rest);

}  // namespace net
