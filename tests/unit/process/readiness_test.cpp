#include "proxy/process/readiness.hpp"

#include "proxy/process/app.hpp"

#include <doctest/doctest.h>

using process::listener_variable;
using process::status_of;

TEST_CASE("app: the status of an answer stands where HTTP/1 says, and nowhere else") {
  CHECK(status_of("HTTP/1.1 200 OK\r") == 200);
  CHECK(status_of("HTTP/1.0 204\r") == 204);
  CHECK(status_of("HTTP/1.1 503") == 503);
  for (const char* none :
       {"", "200", "HTTP/1.1 20", "HTTP/1.1  200 OK", "HTTP/1.1 2000", "HTTP/2 200",
        "HTTP/1.1 099 x", "HTTP/1.1 -20 x", "SSH-2.0-OpenSSH_9.2 200"})
    CHECK(status_of(none) == 0);
}

TEST_CASE("app: a listener's variable is its name in upper case, with _ for the rest") {
  CHECK(listener_variable("egress") == "OUTRIDER_LISTENER_EGRESS");
  CHECK(listener_variable("in-2.b") == "OUTRIDER_LISTENER_IN_2_B");
}
