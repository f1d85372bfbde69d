#include "proxy/upstream/upload.hpp"

#include "tests/unit/upstream/forward_fixture.hpp"

namespace {

using namespace upstream_test;
using base::Millis;
using base::Reason;

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
  CHECK(fed.is_dropped);  // and all that was recorded of it, before the response has ended
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
  SUBCASE("with a body") {
    connection.send(ok);
  }
  SUBCASE("without") {
    connection.send("HTTP/1.1 204 No Content\r\n\r\n");
  }
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
  SUBCASE("and comes also when the answer's head comes with the 100") {
    connection.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n");
    CHECK(connection.read_until("abc") == "abc");
    connection.send("hi");
    REQUIRE(comes_to_end(one));
    CHECK(one.text == "hi");
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
    loop.settle();
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
