// Memory that runs short: requests are shed, then connections wait, and all goes on when it is free
// again.
#include <doctest/doctest.h>

#include "proxy/base/bytes.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

using harness::Answer;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;

namespace {

Answer ask(Socket& client) {
  client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  return client.read_answer();
}

}  // namespace

TEST_CASE("limits: without memory requests are shed and connections wait; the admin side answers") {
  Origin origin(Origin::answering("x"));
  TestProxy proxy(harness::egress_to(origin.url(), "workers: 1\nlimits: { memory: 192MiB }\n"));
  Socket client = Socket::connect(proxy.address());
  CHECK(ask(client).status == 200);

  base::Bytes hold = base::Bytes::copy_of(std::string(200 * 1024 * 1024, 'x'));
  Answer answer = ask(client);
  while (answer.status == 200) answer = ask(client);
  CHECK(answer.status == 503);
  CHECK(answer.field("retry-after") == "1");
  CHECK(answer.field("proxy-status") ==
        "outrider/outrider; error=connection_limit_reached; details=\"shed\"");
  CHECK(proxy.ask("/live").status == 200);
  CHECK(proxy.ask("/metrics").body.find("reason=\"shed\"") != std::string::npos);

  Socket waiting = Socket::connect(proxy.address());
  waiting.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  hold = base::Bytes();
  CHECK(waiting.read_answer().status > 0);
  while (ask(client).status != 200) {
  }
}
