#include "proxy/upstream/pool.hpp"
#include "tests/unit/upstream/peer.hpp"
#include "tests/unit/upstream/pool_fixture.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>

namespace {

using base::Millis;
using upstream::Opened;
using upstream::Pool;
using upstream_test::frame;
using upstream_test::Peer;
using upstream_test::PeerConnection;
using upstream_test::turn_until;

const std::string settings = frame(4, 0, 0);
const std::string one_stream_only = frame(4, 0, 0, std::string_view("\0\3\0\0\0\1", 6));
const std::string acknowledged = frame(4, 1, 0);
const std::string no_streams = frame(4, 0, 0, std::string_view("\0\3\0\0\0\0", 6));
const std::string goaway_none = frame(7, 0, 0, std::string_view("\0\0\0\0\0\0\0\0", 8));
const std::string goaway_behind_first = frame(7, 0, 0, std::string_view("\0\0\0\1\0\0\0\0", 8));
std::string settings_of(char streams) {
  return frame(4, 0, 0, std::string("\0\3\0\0\0", 5) + streams);
}
std::string response(std::uint32_t stream) {
  return frame(1, 5, stream, "\x88");
}

struct Asked {
  bool has_stream() const { return opened && opened->ok() && (*opened)->stream; }
  void end() { (*opened)->stream.reset(); }
  std::optional<base::Result<Opened>> opened;
  std::optional<base::Result<http::Response>> reply;
  base::Child child;
};

// Against an upstream that speaks HTTP/2 from the start.
struct Http2PoolTest : upstream_test::PoolFixture {
  Http2PoolTest() { cluster.protocol = config::HttpVersion::h2; }
  ~Http2PoolTest() {
    tasks.cancel_all();
    exchanges.clear();
    pool.reset();
  }
  static base::Task<> run(Http2PoolTest& test, Asked& self) {
    base::Result<Opened> opened = co_await test.pool->open({}, base::never);
    self.opened.emplace(std::move(opened));
    if (!*self.opened) co_return;
    http::RequestHead head;
    head.scheme = "http";
    head.authority = "a";
    head.path = "/";
    http::ClientStream& stream = *(*self.opened)->stream;
    const base::Result<void> sent = stream.send_head(head, true);
    CHECK(sent.ok());
    base::Result<http::Response> reply = co_await stream.read_head(test.interim);
    self.reply.emplace(std::move(reply));
  }
  Asked& ask() {
    Asked& one = exchanges.emplace_back();
    one.child = tasks.spawn(run(*this, one));
    loop.settle();
    return one;
  }
  int streams() const {
    int count = 0;
    for (const Asked& one : exchanges) count += one.has_stream() ? 1 : 0;
    return count;
  }

  http::NoInterim interim;
  std::deque<Asked> exchanges;
};

TEST_CASE_FIXTURE(Http2PoolTest,
                  "h2 pool: another connection only when all are full, one at a time") {
  cluster.pool.streams = 2;
  made();
  for (int i = 0; i < 5; ++i) ask();
  CHECK(pool->snapshot().connecting == 1);
  PeerConnection one = peer.accept();
  REQUIRE(turn_until(loop, [&] { return streams() == 2; }));
  CHECK(pool->snapshot().connecting == 1);
  PeerConnection two = peer.accept();
  PeerConnection three = peer.accept();
  REQUIRE(turn_until(loop, [&] { return streams() == 5; }));
  CHECK(pool->snapshot().open == 3);
  ask();
  CHECK(streams() == 6);
  CHECK(pool->snapshot().connecting == 0);
  CHECK(pool->snapshot().active == 6);
  CHECK(in_flight == 6);
}

TEST_CASE_FIXTURE(Http2PoolTest, "h2 pool: a burst waits for what the first connection allows") {
  cluster.pool.streams = 1000;
  made();
  for (int i = 0; i < 300; ++i) ask();
  PeerConnection connection = peer.accept();
  REQUIRE(turn_until(loop, [&] { return streams() == 100; }));
  CHECK(pool->snapshot().connecting == 0);
  connection.send(settings);
  REQUIRE(turn_until(loop, [&] { return streams() == 300; }));
  CHECK(pool->snapshot().open == 1);
  CHECK(pool->snapshot().connecting == 0);
}

TEST_CASE_FIXTURE(Http2PoolTest, "h2 pool: those who wait are served as streams end") {
  cluster.pool.streams = 1;
  cluster.pool.connections = 1;
  made();
  Asked& first = ask();
  Asked& second = ask();
  PeerConnection connection = peer.accept();
  connection.send(settings);
  REQUIRE(turn_until(loop, [&] { return first.has_stream(); }));
  CHECK(!second.opened);
  connection.send(response(1));
  REQUIRE(turn_until(loop, [&] { return first.reply.has_value(); }));
  CHECK((*first.reply)->status == 200);
  first.end();
  REQUIRE(turn_until(loop, [&] { return second.has_stream(); }));
  CHECK((*second.opened)->was_reused);
}

TEST_CASE_FIXTURE(Http2PoolTest, "h2 pool: the upstream's limit of streams holds") {
  made();
  Asked& first = ask();
  PeerConnection one = peer.accept();
  one.send(one_stream_only);
  REQUIRE(turn_until(loop, [&] { return first.has_stream(); }));
  loop.turn(Millis{20});
  Asked& second = ask();
  CHECK(!second.opened);
  PeerConnection two = peer.accept();
  CHECK(turn_until(loop, [&] { return second.has_stream(); }));
}

TEST_CASE_FIXTURE(
    Http2PoolTest,
    "h2 pool: after GOAWAY a new connection is used, and what it did not take is unsent") {
  made();
  Asked& first = ask();
  PeerConnection one = peer.accept();
  one.send(settings);
  REQUIRE(turn_until(loop, [&] { return first.has_stream(); }));
  one.send(goaway_none);
  REQUIRE(turn_until(loop, [&] { return first.reply.has_value(); }));
  REQUIRE(!*first.reply);
  CHECK(first.reply->error().unsent);
  first.end();
  Asked& second = ask();
  PeerConnection two = peer.accept();
  CHECK(turn_until(loop, [&] { return second.has_stream(); }));
  CHECK(turn_until(loop, [&] { return pool->snapshot().open == 1; }));
}

TEST_CASE_FIXTURE(Http2PoolTest, "h2 pool: connections that drain count, but for one more than they") {
  cluster.pool.streams = 1;
  SUBCASE("beside one that is in use there is no other") {
    cluster.pool.connections = 2;
  }
  SUBCASE("while all drain there is one, and at most twice as many") {
    cluster.pool.connections = 1;
  }
  made();
  Asked& first = ask();
  PeerConnection one = peer.accept();
  one.send(settings);
  REQUIRE(turn_until(loop, [&] { return first.has_stream(); }));
  one.send(goaway_behind_first);
  Asked& second = ask();
  PeerConnection two = peer.accept();
  two.send(settings);
  REQUIRE(turn_until(loop, [&] { return second.has_stream(); }));
  if (cluster.pool.connections == 1) two.send(goaway_behind_first);
  for (int i = 0; i < 5; ++i) loop.turn(Millis{1});
  Asked& third = ask();
  CHECK_FALSE(peer.has_visitor());
  CHECK(pool->snapshot().open == 2);
  CHECK(pool->snapshot().connecting == 0);
  first.child.cancel();
  loop.settle();
  first.end();
  PeerConnection three = peer.accept();
  CHECK(turn_until(loop, [&] { return third.has_stream(); }));
}

TEST_CASE_FIXTURE(Http2PoolTest,
                  "h2 pool: a connect that fails is nothing to those whom others will serve") {
  cluster.pool.streams = 1;
  made();
  Asked& first = ask();
  PeerConnection one = peer.accept();
  one.send(settings);
  REQUIRE(turn_until(loop, [&] { return first.has_stream(); }));
  peer.stop();
  Asked& second = ask();
  REQUIRE(turn_until(loop, [&] { return pool->snapshot().connect_failures == 1; }));
  CHECK(!second.opened);
  CHECK(pool->snapshot().connecting == 0);
  SUBCASE("as long as they are there") {
    one.send(response(1));
    REQUIRE(turn_until(loop, [&] { return first.reply.has_value(); }));
    first.end();
    CHECK(turn_until(loop, [&] { return second.has_stream(); }));
  }
  SUBCASE("but not longer") {
    one.close();
    REQUIRE(turn_until(loop, [&] { return second.opened.has_value(); }));
    CHECK(second.opened->error().reason == base::Reason::connect_failure);
  }
}

base::Task<> open_fresh(Pool& pool, bool& has_come) {
  const base::Result<Opened> opened = co_await pool.open({.fresh = true}, base::never);
  has_come = opened.ok();
}

TEST_CASE_FIXTURE(Http2PoolTest, "h2 pool: who waits for a fresh connection holds up nobody") {
  made();
  Asked& first = ask();
  PeerConnection one = peer.accept();
  one.send(settings);
  REQUIRE(turn_until(loop, [&] { return first.has_stream(); }));
  bool has_fresh = false;
  const base::Child fresh = tasks.spawn(open_fresh(*pool, has_fresh));
  CHECK(pool->snapshot().pending == 1);
  CHECK(opened_now().stream);
  const Asked& second = ask();
  CHECK(second.has_stream());
  SUBCASE("and is served when it comes") {
    PeerConnection two = peer.accept();
    CHECK(turn_until(loop, [&] { return has_fresh; }));
  }
  SUBCASE("and is told alone when it does not") {
    peer.stop();
    CHECK(turn_until(loop, [&] { return !fresh.is_running(); }));
    CHECK(pool->snapshot().active == 2);
  }
}

TEST_CASE_FIXTURE(Http2PoolTest, "h2 pool: a lost connection leaves no stream behind") {
  made();
  Asked& first = ask();
  Asked& second = ask();
  PeerConnection one = peer.accept();
  one.send(settings);
  REQUIRE(turn_until(loop, [&] { return streams() == 2; }));
  one.close();
  REQUIRE(turn_until(loop, [&] { return first.reply && second.reply; }));
  CHECK(first.reply->error().reason == base::Reason::reset);
  CHECK(pool->snapshot().active == 0);
  CHECK(in_flight == 0);
  first.end();
  second.end();
  CHECK(in_flight == 0);
  CHECK(pool->is_empty());
}

TEST_CASE_FIXTURE(Http2PoolTest, "h2 pool: closes when idle, and when it is old") {
  SUBCASE("idle") {
    cluster.pool.idle = Millis{30};
  }
  SUBCASE("old") {
    cluster.pool.max_age = Millis{60};
  }
  made();
  Asked& first = ask();
  PeerConnection one = peer.accept();
  one.send(settings);
  REQUIRE(turn_until(loop, [&] { return first.has_stream(); }));
  one.send(response(1));
  REQUIRE(turn_until(loop, [&] { return first.reply.has_value(); }));
  first.end();
  CHECK(one.is_closed());
  CHECK(pool->snapshot().open == 0);
}

TEST_CASE_FIXTURE(Http2PoolTest, "h2 pool: while no streams are allowed exchanges wait, unsent") {
  made();
  Asked& first = ask();
  PeerConnection one = peer.accept();
  one.send(settings);
  REQUIRE(turn_until(loop, [&] { return first.has_stream(); }));
  one.read_until(acknowledged);
  one.send(response(1));
  REQUIRE(turn_until(loop, [&] { return first.reply.has_value(); }));
  first.end();
  one.send(no_streams);
  one.read_until(acknowledged);
  for (int i = 0; i < 20; ++i) ask();
  CHECK(!peer.has_visitor());
  CHECK(pool->snapshot().connecting == 0);
  CHECK(pool->snapshot().pending == 20);
  SUBCASE("until the limit is lifted") {
    one.send(settings_of(50));
    CHECK(turn_until(loop, [&] { return streams() == 20; }));
    CHECK(pool->snapshot().open == 1);
  }
  SUBCASE("also on the next connection, which does not try it out") {
    one.close();
    PeerConnection two = peer.accept();
    CHECK(two.read_until("PRI * HTTP/2.0").ends_with("HTTP/2.0"));
    CHECK(turn_until(loop, [&] { return pool->snapshot().open == 1; }));
    CHECK(streams() == 0);
    two.send(settings_of(50));
    CHECK(turn_until(loop, [&] { return streams() == 20; }));
    CHECK(!peer.has_visitor());
  }
}

TEST_CASE_FIXTURE(Http2PoolTest,
                  "h2 pool: a limit that sinks to one under load lets one at a time pass") {
  cluster.pool.connections = 1;
  made();
  for (int i = 0; i < 3; ++i) ask();
  PeerConnection one = peer.accept();
  one.send(settings);
  REQUIRE(turn_until(loop, [&] { return streams() == 3; }));
  one.read_until(acknowledged);
  one.send(one_stream_only);
  one.read_until(acknowledged);
  for (int i = 0; i < 3; ++i) ask();
  std::uint32_t stream = 1;
  for (int served = 0; served < 6; ++served, stream += 2) {
    CAPTURE(served);
    Asked& next = exchanges[static_cast<std::size_t>(served)];
    REQUIRE(turn_until(loop, [&] { return next.has_stream(); }));
    loop.settle();  // its head is sent
    one.send(response(stream));
    REQUIRE(turn_until(loop, [&] { return next.reply.has_value(); }));
    next.end();
    CHECK(pool->snapshot().active <= static_cast<std::uint32_t>(std::max(1, 2 - served)));
  }
  CHECK(pool->snapshot().open == 1);
}

}  // namespace
