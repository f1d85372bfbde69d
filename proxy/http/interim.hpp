// Where 1xx responses go: the downstream side of an exchange. Sending one commits nothing.
#pragma once

#include "proxy/http/headers.hpp"

namespace http {

class Interim {
 public:
  // 100 and 102 to 199; 101 is not interim. At most 16 an exchange, hop-by-hop fields removed;
  // whoever cannot pass it on (HTTP/1.0) drops it.
  virtual void send_interim(int status, const Headers& headers) noexcept = 0;

 protected:
  ~Interim() = default;
};

// For an exchange that nobody waits for downstream.
struct NoInterim final : Interim {
  void send_interim(int, const Headers&) noexcept override {}
};

}  // namespace http
