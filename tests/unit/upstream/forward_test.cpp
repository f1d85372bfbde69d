#include "proxy/upstream/forward.hpp"

#include <doctest/doctest.h>

#include <deque>

#include "proxy/upstream/clusters.hpp"
#include "tests/unit/upstream/peer.hpp"

namespace {

using base::Bytes;
using base::Millis;
using base::Reason;
using http::Body;
using http::Reply;
using http::Request;
using upstream_test::Peer;
using upstream_test::PeerConnection;
using upstream_test::turn_until;

constexpr std::string_view ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";

// A client's body that the test feeds.
struct Fed {
  explicit Fed(base::Loop& loop) : changed(loop) {}
  void feed(std::string_view text) {
    pieces.emplace_back(Bytes::copy_of(text));
    changed.set();
  }
  void end() {
    pieces.emplace_back(Bytes());
    changed.set();
  }
  void fail(base::Error error) {
    pieces.emplace_back(error);
    changed.set();
  }
  Body body() { return Body(new Source(*this)); }

  std::deque<base::Result<Bytes>> pieces;
  base::Event changed;
  int reads = 0;
  bool is_dropped = false;

 private:
  struct Source final : http::OwnedSource {
    explicit Source(Fed& of) : fed(of) {}
    ~Source() override { fed.is_dropped = true; }
    base::Task<base::Result<Bytes>> read() override {
      ++fed.reads;
      while (fed.pieces.empty()) co_await fed.changed.wait();
      base::Result<Bytes> piece = std::move(fed.pieces.front());
      fed.pieces.pop_front();
      co_return piece;
    }
    Fed& fed;
  };
};

struct Interims final : http::Interim {
  void send_interim(int status, const http::Headers&) noexcept override { seen.push_back(status); }
  std::vector<int> seen;
};

// One exchange through the end of the chain, as the exchange of a listener would do it.
struct Going {
  Going(base::Loop& loop, base::TaskGroup& group, http::Handler& handler, Body body = {})
      : tasks(group), to(handler), info(loop, group, connection), request(head(), std::move(body),
                                                                         interims, scope, info) {}
  static http::RequestHead head() {
    http::RequestHead made;
    made.scheme = "http";
    made.authority = "client.example";
    made.path = "/x";
    return made;
  }
  void start() { child = tasks.spawn(run(*this)); }
  static base::Task<> run(Going& self) {
    Reply reply = co_await self.to.handle(self.request);
    self.reply.emplace(std::move(reply));
    if (!*self.reply) co_return;
    for (;;) {
      const base::Result<Bytes> piece = co_await (*self.reply)->body.read();
      if (!piece) self.cut = piece.error();
      if (!piece || piece->empty()) break;
      self.text += piece->view();
    }
    (*self.reply)->body = Body();
    self.is_over = true;
  }

  base::TaskGroup& tasks;
  http::Handler& to;
  http::ConnectionInfo connection;
  http::StreamInfo info;
  http::Scope scope;
  Interims interims;
  Request request;
  std::optional<Reply> reply;
  std::optional<base::Error> cut;
  std::string text;
  bool is_over = false;
  base::Child child;
};

struct ForwardTest {
  ForwardTest() {
    config.clusters.resize(1);
    config.clusters[0].name = "app";
    set_peer(peer.address);
  }
  ~ForwardTest() { tasks.cancel_all(); }
  void set_peer(const base::Address& address) {
    config::Endpoint endpoint;
    endpoint.host = address.ip();
    endpoint.port = address.port();
    config.clusters[0].endpoints = {endpoint};
  }
  Going& go(Body body = {}, http::Method method = http::Method::get) {
    if (!clusters) clusters.emplace(loop, config, upstream::TlsContexts());
    Going& one = going.emplace_back(loop, tasks, clusters->forward(0), std::move(body));
    one.request.method = method;
    return one;
  }
  Going& started(Body body = {}, http::Method method = http::Method::get) {
    Going& one = go(std::move(body), method);
    one.start();
    return one;
  }
  bool comes_to_end(Going& one) {
    return turn_until(loop, [&] { return one.is_over || (one.reply && !one.reply->ok()); });
  }
  upstream::PoolSnapshot pool() { return (*clusters)[0].snapshot().endpoints[0].pool; }

  base::EventLoop loop;
  Peer peer{loop};
  config::Config config;
  std::optional<upstream::Clusters> clusters;
  std::deque<Fed> feds;  // outlive the requests that read them
  base::TaskGroup tasks{loop};
  std::deque<Going> going;
};

TEST_CASE_FIXTURE(ForwardTest, "forward: a request and its response, and what the log will say") {
  Going& one = started();
  PeerConnection connection = peer.accept();
  CHECK(connection.read_head() == "GET /x HTTP/1.1\r\nhost: client.example\r\n\r\n");
  connection.send(ok);
  REQUIRE(comes_to_end(one));
  CHECK((*one.reply)->status == 200);
  CHECK(one.text == "hi");
  CHECK(one.info.cluster == "app");
  CHECK(one.info.endpoint == peer.address.to_string());
  CHECK(one.info.attempts == 1);
  CHECK(!one.info.was_reused);
  CHECK(one.info.connect_time > base::Duration::zero());
  CHECK(one.info.first_byte != base::never);
  CHECK(one.scope.endpoint != nullptr);
  CHECK(!one.scope.has_alternatives);
  Going& two = started();
  CHECK(!connection.read_head().empty());
  connection.send(ok);
  REQUIRE(comes_to_end(two));
  CHECK(two.info.was_reused);
  CHECK(two.info.connect_time == base::Duration::zero());
  CHECK(pool().connects == 1);
}

TEST_CASE_FIXTURE(ForwardTest, "forward: the host is the route's, the cluster's or the client's") {
  const struct {
    config::HostRule rule;
    std::string_view client;
    std::string_view rewritten;
    std::string_view expected;
  } cases[] = {
      {config::HostRule::client, "client.example", "", "client.example"},
      {config::HostRule::client, "", "", "orders.internal:8443"},
      {config::HostRule::url, "client.example", "", "orders.internal:8443"},
      {config::HostRule::fixed, "client.example", "", "fixed.example"},
      {config::HostRule::url, "client.example", "orders.svc", "orders.svc"},
      {config::HostRule::client, "client.example", "orders.svc", "orders.svc"},
  };
  config.clusters[0].url_authority = "orders.internal:8443";
  config.clusters[0].fixed_host = "fixed.example";
  PeerConnection connection;
  for (const auto& one : cases) {
    CAPTURE(one.expected);
    config.clusters[0].host = one.rule;
    Going& exchange = go();
    exchange.request.authority = one.client;
    exchange.info.rewritten_host = one.rewritten;
    exchange.start();
    if (&one == &cases[0]) connection = peer.accept();
    const std::string expected = "\r\nhost: " + std::string(one.expected) + "\r\n";
    CHECK(connection.read_head().find(expected) != std::string::npos);
    connection.send(ok);
    REQUIRE(comes_to_end(exchange));
    CHECK(exchange.request.authority == one.client);
    CHECK(exchange.request.scheme == "http");
  }
}

TEST_CASE_FIXTURE(ForwardTest, "forward: repeats once, on a fresh connection, what a dead one did not take") {
  Going& first = started();
  PeerConnection old = peer.accept();
  CHECK(!old.read_head().empty());
  old.send(ok);
  REQUIRE(comes_to_end(first));
  old.reset();  // the loop has not noticed yet
  Fed& fed = feds.emplace_back(loop);
  SUBCASE("without a body") {
    Going& second = started();
    PeerConnection fresh = peer.accept();
    CHECK(!fresh.read_head().empty());
    fresh.send(ok);
    REQUIRE(comes_to_end(second));
    CHECK(second.text == "hi");
    CHECK(second.info.attempts == 1);
    CHECK(!second.info.was_reused);
  }
  SUBCASE("with what was read of a body") {
    fed.feed("abc");
    Going& second = started(fed.body(), http::Method::post);
    PeerConnection fresh = peer.accept();
    CHECK(fresh.read_head().find("transfer-encoding: chunked") != std::string::npos);
    fed.feed("de");
    fed.end();
    CHECK(fresh.read_until("0\r\n\r\n") == "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    fresh.send(ok);
    REQUIRE(comes_to_end(second));
    CHECK(second.text == "hi");
  }
  SUBCASE("unless too much of it was read") {
    fed.feed(std::string(20'000, 'a'));
    Going& second = started(fed.body(), http::Method::post);
    REQUIRE(comes_to_end(second));
    CHECK(second.reply->error().reason == Reason::reset);
    CHECK(second.reply->error().unsent);
  }
  CHECK(pool().active == 0);
}

TEST_CASE_FIXTURE(ForwardTest, "forward: repeats once what an HTTP/2 upstream refused") {
  const std::string settings = upstream_test::frame(4, 0, 0);
  const std::string refused = upstream_test::frame(3, 0, 1, std::string_view("\0\0\0\7", 4));
  config.clusters[0].protocol = config::Protocol::h2;
  Fed& fed = feds.emplace_back(loop);
  fed.feed("abc");
  Going& one = started(fed.body(), http::Method::post);
  PeerConnection first = peer.accept();
  first.send(settings);
  CHECK(first.read_until("abc").ends_with("abc"));
  first.send(refused);
  PeerConnection second = peer.accept();
  second.send(settings);
  CHECK(second.read_until("abc").ends_with("abc"));
  SUBCASE("and gives what the second connection answers") {
    second.send(upstream_test::frame(1, 5, 1, "\x88"));
    REQUIRE(comes_to_end(one));
    CHECK((*one.reply)->status == 200);
  }
  SUBCASE("and no more than once") {
    second.send(refused);
    REQUIRE(comes_to_end(one));
    CHECK(one.reply->error().reason == Reason::refused);
    CHECK(one.reply->error().unsent);
  }
  CHECK(pool().connects == 2);
  CHECK(pool().active == 0);
}

TEST_CASE_FIXTURE(ForwardTest, "forward: does not repeat what may have arrived") {
  Going& one = started();
  PeerConnection connection = peer.accept();
  CHECK(!connection.read_head().empty());
  connection.close();
  REQUIRE(comes_to_end(one));
  CHECK(one.reply->error().reason == Reason::reset);
  CHECK(!one.reply->error().unsent);
  CHECK(!peer.has_visitor());
}

TEST_CASE_FIXTURE(ForwardTest, "forward: the body is not touched before there is a connection") {
  peer.stop();
  Fed& fed = feds.emplace_back(loop);
  fed.feed("abc");
  Going& one = started(fed.body(), http::Method::post);
  REQUIRE(comes_to_end(one));
  CHECK(one.reply->error().reason == Reason::connect_failure);
  CHECK(fed.reads == 0);
  CHECK(!one.request.body.is_empty());
}

TEST_CASE_FIXTURE(ForwardTest, "forward: both directions go on at once") {
  Fed& fed = feds.emplace_back(loop);
  fed.feed("a");
  Going& one = started(fed.body(), http::Method::post);
  PeerConnection connection = peer.accept();
  CHECK(connection.read_until("1\r\na\r\n").ends_with("1\r\na\r\n"));
  connection.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n");
  REQUIRE(turn_until(loop, [&] { return one.text == "x"; }));
  fed.feed("b");
  fed.end();
  CHECK(connection.read_until("0\r\n\r\n") == "1\r\nb\r\n0\r\n\r\n");
  connection.send("0\r\n\r\n");
  REQUIRE(comes_to_end(one));
  CHECK(!one.cut);
  CHECK(pool().idle == 1);
}

TEST_CASE_FIXTURE(ForwardTest, "forward: a response that is complete ends the upload") {
  Fed& fed = feds.emplace_back(loop);
  fed.feed("a");
  Going& one = started(fed.body(), http::Method::post);
  PeerConnection connection = peer.accept();
  CHECK(!connection.read_head().empty());
  SUBCASE("with a body") { connection.send(ok); }
  SUBCASE("without") { connection.send("HTTP/1.1 204 No Content\r\n\r\n"); }
  REQUIRE(comes_to_end(one));
  CHECK(fed.is_dropped);
  CHECK(connection.is_closed());
  CHECK(pool().open == 0);
}

TEST_CASE_FIXTURE(ForwardTest, "forward: a body that fails ends the attempt with its error") {
  Fed& fed = feds.emplace_back(loop);
  fed.feed("a");
  Going& one = started(fed.body(), http::Method::post);
  PeerConnection connection = peer.accept();
  CHECK(!connection.read_head().empty());
  fed.fail({Reason::request_timeout, base::Fault::downstream, "too slow"});
  REQUIRE(comes_to_end(one));
  CHECK(one.reply->error().reason == Reason::request_timeout);
  CHECK(connection.is_closed());
  CHECK(pool().open == 0);
}

TEST_CASE_FIXTURE(ForwardTest, "forward: with `expect`, the body waits for the upstream's 100") {
  Fed& fed = feds.emplace_back(loop);
  fed.feed("abc");
  fed.end();
  Going& one = go(fed.body(), http::Method::post);
  one.request.headers.add(http::Name::expect, "100-continue");
  one.request.headers.add(http::Name::content_length, "3");
  one.start();
  PeerConnection connection = peer.accept();
  CHECK(!connection.read_head().empty());
  loop.turn(Millis{1});
  CHECK(fed.reads == 0);
  SUBCASE("and comes then") {
    connection.send("HTTP/1.1 100 Continue\r\n\r\n");
    CHECK(connection.read_until("abc") == "abc");
    CHECK(one.interims.seen == std::vector<int>{100});
    connection.send(ok);
    REQUIRE(comes_to_end(one));
    CHECK(pool().idle == 1);
  }
  SUBCASE("and is not read if the answer came first") {
    connection.send("HTTP/1.1 417 Expectation Failed\r\ncontent-length: 0\r\n\r\n");
    REQUIRE(comes_to_end(one));
    CHECK((*one.reply)->status == 417);
    CHECK(fed.reads == 0);
    CHECK(connection.is_closed());
  }
}

TEST_CASE_FIXTURE(ForwardTest, "forward: cancelled at any time, it leaves no exchange behind") {
  for (int step = 0; step < 5; ++step) {
    CAPTURE(step);
    Fed& fed = feds.emplace_back(loop);
    fed.feed("a");
    Going& one = started(fed.body(), http::Method::post);
    PeerConnection connection;
    if (step > 0) connection = peer.accept();
    if (step > 1) CHECK(!connection.read_head().empty());
    if (step > 2) connection.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    if (step > 3) REQUIRE(turn_until(loop, [&] { return one.reply.has_value(); }));
    one.child.cancel();
    loop.turn(Millis{0});
    one.reply.reset();
    one.request.body = Body();
    CHECK(fed.is_dropped);
    if (step == 0) connection = peer.accept();
    connection.close();
    REQUIRE(turn_until(loop, [&] { return pool().open == 0 && pool().connecting == 0; }));
    CHECK(pool().active == 0);
    CHECK(pool().pending == 0);
  }
}

}  // namespace
