// Memory that runs short: requests are shed, then connections wait, and all goes on when it is free
// again. And what is bounded so that it does not.
#include <doctest/doctest.h>

#include "tests/harness/h2_frames.hpp"
#include "tests/harness/held_memory.hpp"
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

  harness::HeldMemory held(200 * 1024 * 1024);
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
  held.release();
  CHECK(waiting.read_answer().status > 0);
  while (ask(client).status != 200) {
  }
}

TEST_CASE("limits: little is kept for a connection of HTTP/2 of the fields that it was answered") {
  Origin origin([](Socket& peer) {
    for (int i = 100'000; !peer.read_head().empty(); ++i)
      peer.send("HTTP/1.1 204 No Content\r\nx-never-the-same: " + std::to_string(i) + "\r\n\r\n");
  });
  const TestProxy proxy(harness::egress_to(origin.url(), "workers: 1\n"));
  harness::H2Peer client(Socket::connect(proxy.address()));
  client.greet();
  for (std::uint32_t stream = 1; stream < 200; stream += 2) {
    client.send(client.head(stream, harness::H2Peer::get("/"), true));
    CHECK(client.wait_for(stream).field("x-never-the-same") == std::to_string(100'000 + stream / 2));
  }
  CHECK(client.table_size() > 1024);
  CHECK(client.table_size() <= 2048);
}
