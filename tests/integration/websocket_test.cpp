// WebSocket through the proxy, HTTP/1.1 on both sides: the handshake, then bytes of which it knows
// nothing, both ways, each direction with an end of its own.
#include "tests/harness/json.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <system_error>
#include <thread>
#include <unistd.h>

using harness::Answer;
using harness::Json;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;

namespace {

// The handshake of RFC 6455 1.3.
constexpr std::string_view question =
    "GET /chat?room=1 HTTP/1.1\r\nhost: app.test\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n"
    "sec-websocket-protocol: chat\r\n\r\n";
constexpr std::string_view answer =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nsec-websocket-protocol: chat\r\n\r\n";

// Takes the upgrade, then does what the test says.
Origin::Script upgrading(std::function<void(Socket&)> then) {
  return [then = std::move(then)](Socket& peer) {
    if (peer.read_head().empty()) return;
    peer.send(answer);
    then(peer);
  };
}

// Sends back what comes, to the end, and then ends as well.
void echo(Socket& peer) {
  for (std::string bytes = peer.read_some(); !bytes.empty(); bytes = peer.read_some())
    peer.send(bytes);
  peer.finish();
}

Socket opened(const TestProxy& proxy) {
  Socket client = Socket::connect(proxy.address());
  client.send(question);
  CHECK(client.read_head().starts_with("HTTP/1.1 101 "));
  return client;
}

bool has_unread(const Socket& socket) {
  char byte = 0;
  return ::recv(socket.descriptor(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

// A proxy whose log can be read once it has ended.
class Logged {
 public:
  Logged(const std::string& url, const std::string& cluster)
      : log_("/tmp/outrider-websocket." + std::to_string(getpid())),
        proxy_(std::make_unique<TestProxy>(
            "version: 1\nworkers: 1\naccess_log: { to: " + log_ +
            ", format: json }\n"
            "listeners: { egress: { bind: 127.0.0.1:0, body_timeout: 50ms, send_timeout: 50ms, "
            "routes: [{ to: app }] } }\n"
            "clusters: { app: { url: \"" +
            url + "\"" + cluster + " } }\n")) {}
  ~Logged() { ::unlink(log_.c_str()); }

  TestProxy& proxy() { return *proxy_; }
  Json line() {
    proxy_.reset();
    std::ifstream file(log_);
    std::string line;
    std::getline(file, line);
    return Json::parse(line);
  }

 private:
  std::string log_;
  std::unique_ptr<TestProxy> proxy_;
};

// The admin side, which is let go as the listeners are, refuses connections then.
void wait_until_draining(const TestProxy& proxy) {
  try {
    for (;;) Socket::connect(proxy.admin());
  } catch (const std::system_error&) {
  }
}

}  // namespace

TEST_CASE("websocket: the handshake goes through, and bytes flow both ways one by one") {
  std::promise<std::string> asked;
  Origin origin([&](Socket& peer) {
    asked.set_value(peer.read_head());
    peer.send(std::string(answer) + "hello");
    echo(peer);
  });
  Logged world(origin.url(), "");
  Socket client = Socket::connect(world.proxy().address());
  client.send(question);
  const std::string head = asked.get_future().get();
  CHECK(head.starts_with("GET /chat?room=1 HTTP/1.1\r\n"));
  CHECK(harness::field_of(head, "upgrade") == "websocket");
  CHECK(harness::field_of(head, "connection") == "upgrade");
  CHECK(harness::field_of(head, "sec-websocket-key") == "dGhlIHNhbXBsZSBub25jZQ==");
  CHECK(harness::field_of(head, "sec-websocket-protocol") == "chat");
  CHECK(harness::field_of(head, "transfer-encoding").empty());
  const std::string reply = client.read_head();
  CHECK(reply.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
  CHECK(harness::field_of(reply, "upgrade") == "websocket");
  CHECK(harness::field_of(reply, "connection") == "upgrade");
  CHECK(harness::field_of(reply, "sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  CHECK(harness::field_of(reply, "sec-websocket-protocol") == "chat");
  CHECK(harness::field_of(reply, "content-length").empty());
  CHECK(client.read_exactly(5) == "hello");
  for (int i = 0; i < 100; ++i) {
    const std::string byte(1, static_cast<char>(i));
    client.send(byte);
    REQUIRE(client.read_exactly(1) == byte);
  }
  client.finish();
  CHECK(client.read_to_end().empty());
  CHECK_FALSE(client.was_reset());
  const Json line = world.line();
  CHECK(line["status"].number() == 101);
  CHECK(line["method"].text() == "GET");
  CHECK(line["bytes_in"].number() == 100);
  CHECK(line["bytes_out"].number() == 105);
  CHECK(line["reason"].is_null());
}

TEST_CASE("websocket: nothing goes upstream before the 101") {
  std::promise<void> told;
  Origin origin([&](Socket& peer) {
    peer.read_head();
    peer.send("HTTP/1.1 103 Early Hints\r\n\r\n");
    told.get_future().wait();
    CHECK_FALSE(has_unread(peer));
    peer.send(answer);
    echo(peer);
  });
  TestProxy proxy(harness::egress_to(origin.url()));
  Socket client = Socket::connect(proxy.address());
  client.send(std::string(question) + "early");
  CHECK(client.read_head().starts_with("HTTP/1.1 103 "));
  told.set_value();
  CHECK(client.read_head().starts_with("HTTP/1.1 101 "));
  CHECK(client.read_exactly(5) == "early");
}

TEST_CASE("websocket: an end is that of one direction") {
  SUBCASE("the client's") {
    Origin origin(upgrading([](Socket& peer) {
      CHECK(peer.read_to_end() == "last words");
      peer.send("heard");
      peer.finish();
    }));
    TestProxy proxy(harness::egress_to(origin.url()));
    Socket client = opened(proxy);
    client.send("last words");
    client.finish();
    CHECK(client.read_to_end() == "heard");
    CHECK_FALSE(client.was_reset());
  }
  SUBCASE("the upstream's") {
    std::promise<std::string> heard;
    Origin origin(upgrading([&](Socket& peer) {
      peer.send("last words");
      peer.finish();
      heard.set_value(peer.read_to_end());
    }));
    TestProxy proxy(harness::egress_to(origin.url()));
    Socket client = opened(proxy);
    CHECK(client.read_to_end() == "last words");
    const std::string much(300'000, 'x');
    client.send(much);
    client.finish();
    CHECK(heard.get_future().get() == much);
  }
}

TEST_CASE("websocket: a reset is passed on as one") {
  SUBCASE("the client's") {
    std::promise<bool> was_reset;
    Origin origin(upgrading([&](Socket& peer) {
      peer.read_to_end();
      was_reset.set_value(peer.was_reset());
    }));
    TestProxy proxy(harness::egress_to(origin.url()));
    opened(proxy).reset();
    CHECK(was_reset.get_future().get());
  }
  SUBCASE("the upstream's") {
    Origin origin(upgrading([](Socket& peer) {
      peer.read_exactly(2);
      peer.reset();
    }));
    TestProxy proxy(harness::egress_to(origin.url()));
    Socket client = opened(proxy);
    client.send("go");
    client.read_to_end();
    CHECK(client.was_reset());
  }
}

TEST_CASE("websocket: large frames stream both ways at once") {
  Origin origin(upgrading(echo));
  TestProxy proxy(harness::egress_to(origin.url()));
  Socket client = opened(proxy);
  const std::string frame(16 * 1024 * 1024, 'f');
  std::thread sender([&] {
    std::string_view left = frame;  // not Socket::send: that and a read are not for two threads
    while (!left.empty()) {
      const ssize_t sent = ::send(client.descriptor(), left.data(), left.size(), MSG_NOSIGNAL);
      if (sent <= 0) break;
      left.remove_prefix(static_cast<std::size_t>(sent));
    }
  });
  const std::string back = client.read_exactly(frame.size());
  sender.join();
  CHECK(back == frame);
}

TEST_CASE("websocket: a refusal is an ordinary answer, and the client's connection goes on") {
  std::string refusal;
  SUBCASE("426") {
    refusal = "426 Upgrade Required\r\nsec-websocket-version: 13\r\n";
  }
  SUBCASE("401") {
    refusal = "401 Unauthorized\r\nwww-authenticate: Basic\r\n";
  }
  SUBCASE("403") {
    refusal = "403 Forbidden\r\n";
  }
  SUBCASE("200") {
    refusal = "200 OK\r\n";
  }
  Origin origin([&](Socket& peer) {
    while (!peer.read_head().empty())
      peer.send("HTTP/1.1 " + refusal + "content-length: 4\r\n\r\nwhy?");
  });
  TestProxy proxy(harness::egress_to(origin.url()));
  Socket client = Socket::connect(proxy.address());
  for (int i = 0; i < 2; ++i) {
    client.send(question);
    const Answer refused = client.read_answer();
    CHECK(std::to_string(refused.status) == refusal.substr(0, 3));
    CHECK(refused.body == "why?");
    CHECK(refused.field("connection").empty());
  }
  client.send("GET / HTTP/1.1\r\nhost: app.test\r\n\r\n");
  CHECK(client.read_answer().body == "why?");
}

TEST_CASE("websocket: refused by the proxy itself the client's connection goes on as well") {
  TestProxy proxy(
      "version: 1\naccess_log: { format: none }\nlisteners: { egress: { bind: 127.0.0.1:0, routes: "
      "[{ match: { path: /chat }, respond: { status: 403, body: no } }] } }\n");
  Socket client = Socket::connect(proxy.address());
  for (int i = 0; i < 2; ++i) {
    client.send(question);
    CHECK(client.read_answer().body == "no");
  }
}

TEST_CASE("websocket: what is no upgrade to it is an error of the upstream's") {
  std::string wrong;
  SUBCASE("another protocol") {
    wrong = "HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n";
  }
  SUBCASE("none") {
    wrong = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
  }
  Origin origin([&](Socket& peer) {
    peer.read_head();
    peer.send(wrong);
    peer.read_some();
  });
  TestProxy proxy(harness::egress_to(origin.url()));
  Socket client = Socket::connect(proxy.address());
  client.send(question);
  const Answer failed = client.read_answer();
  CHECK(failed.status == 502);
  CHECK(failed.body.find("upstream_protocol_error") != std::string::npos);
}

TEST_CASE("another upgrade is taken away, and the request goes on without it") {
  std::string asked;
  SUBCASE("h2c") {
    asked = "upgrade: h2c\r\nconnection: upgrade, http2-settings\r\n";
  }
  SUBCASE("unknown") {
    asked = "upgrade: foo/1\r\nconnection: upgrade\r\n";
  }
  SUBCASE("several") {
    asked = "upgrade: foo\r\nupgrade: websocket\r\nconnection: upgrade\r\n";
  }
  SUBCASE("not by this connection") {
    asked = "upgrade: websocket\r\nsec-websocket-key: a\r\n";
  }
  std::promise<std::string> got;
  Origin origin([&](Socket& peer) {
    got.set_value(peer.read_head());
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    peer.read_some();
  });
  TestProxy proxy(harness::egress_to(origin.url()));
  Socket client = Socket::connect(proxy.address());
  client.send("GET / HTTP/1.1\r\nhost: a\r\nhttp2-settings: AAMAAABk\r\n" + asked + "\r\n");
  CHECK(client.read_answer().body == "ok");
  const std::string head = got.get_future().get();
  CHECK(harness::field_of(head, "upgrade").empty());
  CHECK(harness::field_of(head, "connection").empty());
}

TEST_CASE("websocket: a tunnel's connection is not used again") {
  Origin origin([](Socket& peer) {
    for (;;) {
      const std::string head = peer.read_head();
      if (head.empty()) return;
      if (!harness::field_of(head, "upgrade").empty()) break;
      peer.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    }
    peer.send(answer);
    echo(peer);
  });
  Logged world(origin.url(), "");
  TestProxy& proxy = world.proxy();
  Socket client = opened(proxy);
  CHECK(harness::get(proxy.address(), "/").body == "ok");
  client.finish();
  client.read_to_end();
  CHECK(harness::get(proxy.address(), "/").body == "ok");
  CHECK(origin.connections() == 2);
}

TEST_CASE("websocket: a tunnel outlives `total` and a silent client, not `idle`") {
  using Clock = std::chrono::steady_clock;
  SUBCASE("total, body_timeout") {
    Origin origin(upgrading([](Socket& peer) {
      const auto end = Clock::now() + std::chrono::milliseconds(500);
      while (Clock::now() < end && peer.send("x")) std::this_thread::yield();
      peer.finish();
      peer.read_to_end();
    }));
    Logged world(origin.url(), ", filters: [{ timeout: { total: 200ms } }]");
    Socket client = opened(world.proxy());
    client.read_to_end();
    CHECK_FALSE(client.was_reset());
    client.finish();
    CHECK(world.line()["ms"]["total"].number() >= 500);
  }
  SUBCASE("idle") {
    Origin origin(upgrading([](Socket& peer) { peer.read_to_end(); }));
    Logged world(origin.url(), ", filters: [{ timeout: { idle: 50ms } }]");
    Socket client = opened(world.proxy());
    client.read_to_end();
    CHECK(client.was_reset());
    CHECK(world.line()["reason"].text() == "idle_timeout");
  }
  SUBCASE("idle, with one direction ended") {
    std::promise<bool> was_reset;
    Origin origin(upgrading([&](Socket& peer) {
      peer.finish();
      peer.read_to_end();
      was_reset.set_value(peer.was_reset());
    }));
    Logged world(origin.url(), ", filters: [{ timeout: { idle: 50ms } }]");
    Socket client = opened(world.proxy());
    CHECK(client.read_to_end().empty());
    CHECK(was_reset.get_future().get());
    CHECK(world.line()["reason"].text() == "idle_timeout");
  }
}

TEST_CASE("websocket: an attempt that failed is followed by another before the 101") {
  std::atomic<int> asked{0};
  Origin origin([&](Socket& peer) {
    peer.read_head();
    if (++asked == 1) {
      peer.send("HTTP/1.1 503 Not Yet\r\ncontent-length: 0\r\n\r\n");
      return;
    }
    peer.send(answer);
    echo(peer);
  });
  Logged world(origin.url(), ", filters: [{ retry: { backoff: { base: 1ms } } }]");
  Socket client = opened(world.proxy());
  client.send("again");
  client.finish();
  CHECK(client.read_to_end() == "again");
  CHECK(world.line()["attempts"].number() == 2);
}

TEST_CASE("websocket: a drain ends it at its timeout, with a close frame where one may stand") {
  const std::string going_away = "\x88\x02\x03\xe9";
  std::string sent;
  std::string last;
  SUBCASE("at the start") {
    last = going_away;
  }
  SUBCASE("between frames") {
    sent = "\x81\x05hello";
    last = going_away;
  }
  SUBCASE("within a frame") {
    sent = "\x81\x09hel";
  }
  SUBCASE("behind a close") {
    sent = std::string("\x88\x02\x03\xe8", 4);
  }
  Origin origin(upgrading([&](Socket& peer) {
    peer.send(sent);
    echo(peer);
  }));
  TestProxy proxy(
      "version: 1\nworkers: 1\naccess_log: { format: none }\nadmin: { bind: \"127.0.0.1:0\" }\n"
      "drain: { timeout: 1500ms }\n"
      "listeners: { egress: { bind: 127.0.0.1:0, routes: [{ to: app }] } }\n"
      "clusters: { app: { url: \"" +
      origin.url() + "\" } }\n");
  Socket client = opened(proxy);
  CHECK(client.read_exactly(sent.size()) == sent);
  proxy.begin_drain();
  wait_until_draining(proxy);
  const std::string empty_ping("\x89\x00", 2);
  client.send(empty_ping);  // it lives on while the drain waits
  CHECK(client.read_exactly(2) == empty_ping);
  proxy.wait_until_ended();
  CHECK(client.read_to_end() == last);
  CHECK(client.was_reset() == last.empty());
}
