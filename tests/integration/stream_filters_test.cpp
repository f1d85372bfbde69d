// The filters `heartbeat` and `early_hints`, as a configuration has them.
#include <doctest/doctest.h>

#include "tests/harness/h2_frames.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

using harness::Answer;
using harness::H2Peer;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;
namespace h2 = harness::h2;

namespace {

std::string with_filters(const Origin& origin, const std::string& filters) {
  return "version: 1\naccess_log: { format: none }\n"
         "listeners: { egress: { bind: 127.0.0.1:0, filters: [" +
         filters +
         "], routes: [{ to: app }] } }\n"
         "clusters: { app: { url: \"" +
         origin.url() + "\" } }\n";
}

}  // namespace

TEST_CASE("heartbeat: a silent event stream is kept alive, on HTTP/1 and HTTP/2") {
  Origin origin([](Socket& peer) {
    peer.read_head();
    peer.send(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
        "transfer-encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n");
    peer.read_some();
  });
  TestProxy proxy(with_filters(origin, "{ heartbeat: { interval: 20ms } }"));
  Socket client = Socket::connect(proxy.address());
  client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  CHECK(client.read_until("data: 1\n\n\r\n").ends_with("9\r\ndata: 1\n\n\r\n"));
  CHECK(client.read_until("\n\n\r\n") == "3\r\n:\n\n\r\n");
  CHECK(client.read_until("\n\n\r\n") == "3\r\n:\n\n\r\n");
  H2Peer peer(Socket::connect(proxy.address()));
  peer.greet();
  peer.send(peer.head(1, H2Peer::get("/"), true));
  while (peer.messages[1].body.size() < 15) REQUIRE(peer.read());
  CHECK(peer.messages[1].body.starts_with("data: 1\n\n:\n\n:\n\n"));
}

TEST_CASE("early_hints: what a page needs goes out before its next answer, to any version") {
  Origin origin([](Socket& peer) {
    while (!peer.read_head().empty())
      peer.send(
          "HTTP/1.1 200 OK\r\nlink: </a.css>; rel=preload; as=style, </b>; rel=next\r\n"
          "content-length: 4\r\n\r\npage");
  });
  TestProxy proxy(with_filters(origin, "early_hints"));
  const std::string ask = "GET /page HTTP/1.1\r\nhost: a.test\r\n\r\n";
  Socket client = Socket::connect(proxy.address());
  client.send(ask);
  CHECK(client.read_answer().status == 200);
  client.send(ask);
  const std::string hints = client.read_head();
  CHECK(hints.starts_with("HTTP/1.1 103 "));
  CHECK(harness::field_of(hints, "link") == "</a.css>; rel=preload; as=style");
  CHECK(client.read_answer().body == "page");
  H2Peer peer(Socket::connect(proxy.address()));
  peer.greet();
  peer.send(peer.head(1, H2Peer::get("/page"), true));
  CHECK(peer.wait_for(1).interim == std::vector<int>{103});
  CHECK(peer.messages[1].status == 200);
  CHECK(peer.messages[1].body == "page");
  // HTTP/1.0 knows none.
  Socket old = Socket::connect(proxy.address());
  old.send("GET /page HTTP/1.0\r\nhost: a.test\r\n\r\n");
  CHECK(old.read_head().starts_with("HTTP/1.1 200 "));
}
