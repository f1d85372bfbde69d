// Load shedding by priority, while memory is held.
#include "tests/harness/held_memory.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

using harness::Answer;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;

namespace {

Answer ask(Socket& client, const std::string& priority) {
  client.send("GET / HTTP/1.1\r\nhost: a\r\nx-priority: " + priority + "\r\n\r\n");
  return client.read_answer();
}

}  // namespace

TEST_CASE("shed: the least important are refused first, the admin side never, and all come back") {
  Origin origin(Origin::answering("x"));
  TestProxy proxy(
      "version: 1\nworkers: 1\naccess_log: { format: none }\nadmin: { bind: \"127.0.0.1:0\" }\n"
      "limits: { memory: 8GiB }\n"
      "listeners:\n  egress: { bind: 127.0.0.1:0, routes: [{ to: app }], filters: [shed: { "
      "memory: 10% }] }\nclusters:\n  app: { url: \"" +
      origin.url() + "\" }\n");
  Socket client = Socket::connect(proxy.address());
  CHECK(ask(client, "0").status == 200);

  // Far from the limit of the process, whatever the tests before left behind.
  harness::HeldMemory held(900 * 1024 * 1024);
  Answer answer = ask(client, "0");
  while (answer.status == 200) answer = ask(client, "0");
  CHECK(answer.status == 503);
  CHECK(answer.field("retry-after") == "1");
  CHECK(answer.field("proxy-status") ==
        "outrider/outrider; error=connection_limit_reached; details=\"shed\"");
  CHECK(ask(client, "9").status == 200);
  CHECK(proxy.ask("/live").status == 200);
  CHECK(proxy.ask("/metrics").body.find("outrider_shed_level{place=\"listener egress\"}") !=
        std::string::npos);
  // One level after the other, up to those who say nothing of themselves.
  while (ask(client, "").status == 200) {
  }
  held.release();
  while (ask(client, "0").status != 200) {
  }
}
