#include "proxy/upstream/pool.hpp"

#include "tests/unit/upstream/peer.hpp"
#include "tests/unit/upstream/pool_fixture.hpp"

#include <doctest/doctest.h>

#include <list>

namespace {

using base::Millis;
using base::Reason;
using upstream::Opened;
using upstream::Pool;
using upstream::Want;
using upstream_test::Peer;
using upstream_test::PeerConnection;
using upstream_test::turn_until;

constexpr std::string_view no_content = "HTTP/1.1 204 No Content\r\n\r\n";

// An exchange that waits for a connection.
struct Asking {
  bool is_answered() const { return result.has_value(); }
  bool has_stream() const { return result && result->ok() && (*result)->stream; }
  std::optional<base::Result<Opened>> result;
  base::Child child;
};

struct PoolTest : upstream_test::PoolFixture {
  PoolTest() { cluster.protocol = config::HttpVersion::http1; }
  ~PoolTest() {
    tasks.cancel_all();
    asking.clear();
    pool.reset();
  }

  static base::Task<> wait(Pool& in, Asking& into, Want want) {
    base::Result<Opened> opened = co_await in.open(want, base::never);
    into.result.emplace(std::move(opened));
  }
  Asking& ask(Want want = {}) {
    Asking& one = asking.emplace_back();
    one.child = tasks.spawn(wait(*pool, one, want));
    loop.settle();
    return one;
  }
  Asking& ask_and_wait(Want want = {}) {
    Asking& one = ask(want);
    REQUIRE(turn_until(loop, [&] { return one.is_answered(); }));
    return one;
  }
  static base::Task<> read_head(http::ClientStream& stream, http::Interim& interim, bool& is_done) {
    const http::Reply reply = co_await stream.read_head(interim);
    is_done = reply.ok();
  }
  // A GET on that stream, answered with `response`: the stream is given back.
  void exchange(Asking& one, PeerConnection& with, std::string_view response = no_content) {
    REQUIRE(one.has_stream());
    http::RequestHead head;
    head.path = "/";
    head.authority = "a";
    REQUIRE((*one.result)->stream->send_head(head, true));
    CHECK(with.read_head().starts_with("GET / HTTP/1.1\r\n"));
    with.send(response);
    bool is_done = false;
    http::NoInterim interim;
    const base::Child child = tasks.spawn(read_head(*(*one.result)->stream, interim, is_done));
    REQUIRE(turn_until(loop, [&] { return is_done; }));
    (*one.result)->stream.reset();
  }

  std::list<Asking> asking;
};

TEST_CASE_FIXTURE(PoolTest, "pool: an HTTP/1 connection serves one exchange after the other") {
  cluster.pool.connections = 1;
  made();
  CHECK(!opened_now().stream);
  Asking& first = ask();
  PeerConnection connection = peer.accept();
  REQUIRE(turn_until(loop, [&] { return first.is_answered(); }));
  CHECK(!(*first.result)->was_reused);
  Asking& second = ask();
  CHECK(in_flight == 2);
  CHECK(pool->snapshot().pending == 1);
  exchange(first, connection);
  REQUIRE(turn_until(loop, [&] { return second.is_answered(); }));
  REQUIRE(second.has_stream());
  CHECK((*second.result)->was_reused);
  exchange(second, connection);
  CHECK(in_flight == 0);
  CHECK(!peer.has_visitor());
  const upstream::PoolSnapshot now = pool->snapshot();
  CHECK(now.open == 1);
  CHECK(now.idle == 1);
  CHECK(now.connects == 1);
  CHECK(now.requests == 2);
  CHECK(now.reused == 1);
  CHECK(now.connections[0].requests == 2);
  const Opened third = opened_now();
  CHECK(third.stream);
  CHECK(pool->snapshot().active == 1);
}

TEST_CASE_FIXTURE(PoolTest,
                  "pool: nobody may wait beyond `pending`, but for a connect everybody may") {
  cluster.pool.connections = 2;
  cluster.pool.pending = 0;
  made();
  ask();
  ask();
  const Asking& third = ask();
  REQUIRE(third.is_answered());
  CHECK(third.result->error().reason == Reason::pool_full);
  CHECK(third.result->error().unsent);
  CHECK(turn_until(loop, [&] { return asking.front().has_stream(); }));
  CHECK(pool->snapshot().refused == 1);
}

TEST_CASE_FIXTURE(PoolTest, "pool: waiting ends after `wait`") {
  cluster.pool.connections = 1;
  cluster.pool.wait = Millis{20};
  made();
  ask_and_wait();
  const Asking& second = ask_and_wait();
  CHECK(second.result->error().reason == Reason::pool_full);
  CHECK(in_flight == 1);
  CHECK(pool->snapshot().pending == 0);
}

TEST_CASE_FIXTURE(PoolTest,
                  "pool: whoever leaves does no harm to those behind him, nor to the connect") {
  cluster.pool.connections = 1;
  made();
  Asking& first = ask();
  Asking& second = ask();
  first.child.cancel();
  PeerConnection connection = peer.accept();
  REQUIRE(turn_until(loop, [&] { return second.has_stream(); }));
  CHECK(in_flight == 1);
  exchange(second, connection);
  Asking& third = ask_and_wait();
  REQUIRE(third.has_stream());
  Asking& fourth = ask();
  fourth.child.cancel();
  exchange(third, connection);
  CHECK(opened_now().stream);
}

TEST_CASE_FIXTURE(PoolTest, "pool: of idle connections the one used last comes first") {
  made();
  Asking& a = ask_and_wait();
  PeerConnection one = peer.accept();
  Asking& b = ask_and_wait();
  PeerConnection two = peer.accept();
  exchange(a, one);
  exchange(b, two);
  Asking& c = ask_and_wait();
  exchange(c, two);
  CHECK(pool->snapshot().idle == 2);
}

TEST_CASE_FIXTURE(PoolTest, "pool: an idle connection that the upstream closes leaves at once") {
  made();
  Asking& first = ask();
  PeerConnection connection = peer.accept();
  REQUIRE(turn_until(loop, [&] { return first.is_answered(); }));
  exchange(first, connection);
  CHECK(pool->snapshot().idle == 1);
  connection.close();
  CHECK(turn_until(loop, [&] { return pool->snapshot().open == 0; }));
}

TEST_CASE_FIXTURE(PoolTest, "pool: an idle connection on which bytes came is not used") {
  made();
  Asking& first = ask();
  PeerConnection connection = peer.accept();
  REQUIRE(turn_until(loop, [&] { return first.is_answered(); }));
  exchange(first, connection);
  connection.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  loop.turn(Millis{50});
  CHECK(!opened_now().stream);
  CHECK(pool->snapshot().open == 0);
  CHECK(connection.is_closed());
}

TEST_CASE_FIXTURE(PoolTest, "pool: what an answer says about its connection is heeded") {
  const struct {
    std::string_view answer;
    bool is_kept;
  } cases[] = {
      {"HTTP/1.1 204 No Content\r\nkeep-alive: timeout=5\r\n\r\n", true},
      {"HTTP/1.1 204 No Content\r\nkeep-alive: timeout=1\r\n\r\n", false},
      {"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n", false},
      {"HTTP/1.0 204 No Content\r\n\r\n", false},
      {"HTTP/1.1 204 No Content\r\n\r\nX", false},
  };
  made();
  for (const auto& one : cases) {
    CAPTURE(one.answer);
    Asking& exchanged = ask();
    PeerConnection connection = peer.accept();
    REQUIRE(turn_until(loop, [&] { return exchanged.is_answered(); }));
    exchange(exchanged, connection, one.answer);
    loop.turn(Millis{0});
    CHECK(pool->snapshot().idle == (one.is_kept ? 1 : 0));
    connection.close();
    REQUIRE(turn_until(loop, [&] { return pool->snapshot().open == 0; }));
  }
}

TEST_CASE_FIXTURE(PoolTest, "pool: a connection ends by age, by requests, and when idle for long") {
  SUBCASE("age") {
    cluster.pool.max_age = Millis{30};
  }
  SUBCASE("idle") {
    cluster.pool.idle_http1 = Millis{30};
  }
  SUBCASE("requests") {
    cluster.pool.max_requests = 1;
  }
  made();
  Asking& first = ask();
  PeerConnection connection = peer.accept();
  REQUIRE(turn_until(loop, [&] { return first.is_answered(); }));
  exchange(first, connection);
  CHECK(connection.is_closed());
  CHECK(pool->snapshot().open == 0);
  CHECK(in_flight == 0);
}

TEST_CASE_FIXTURE(PoolTest, "pool: a refused connect is told to one who waits, and unsent") {
  peer.stop();
  made();
  const Asking& first = ask_and_wait();
  CHECK(first.result->error().reason == Reason::connect_failure);
  CHECK(first.result->error().cause == boost::system::errc::connection_refused);
  CHECK(first.result->error().unsent);
  CHECK(pool->snapshot().connect_failures == 1);
  CHECK(pool->is_empty());
}

TEST_CASE_FIXTURE(PoolTest, "pool: a connect takes no longer than connect_timeout") {
  cluster.connect_timeout = Millis{30};
  tls = certs::make_client_context({"", "", "", "a", {}, "1.2", true, {}}).context;
  REQUIRE(tls);
  made();
  const Asking& first = ask_and_wait();  // nobody answers the handshake
  CHECK(first.result->error().reason == Reason::connect_timeout);
}

TEST_CASE_FIXTURE(PoolTest,
                  "pool: a fresh connection is a new one, for which an old one makes room") {
  cluster.pool.connections = 1;
  made();
  Asking& first = ask();
  PeerConnection old = peer.accept();
  REQUIRE(turn_until(loop, [&] { return first.is_answered(); }));
  exchange(first, old);
  Asking& second = ask({.fresh = true});
  CHECK(!second.is_answered());
  CHECK(old.is_closed());
  PeerConnection fresh = peer.accept();
  REQUIRE(turn_until(loop, [&] { return second.has_stream(); }));
  CHECK(!(*second.result)->was_reused);
}

TEST_CASE_FIXTURE(PoolTest, "pool: retired, it finishes what it has and is empty then") {
  made();
  Asking& first = ask();
  Asking& second = ask();
  PeerConnection one = peer.accept();
  PeerConnection two = peer.accept();
  REQUIRE(turn_until(loop, [&] { return first.has_stream() && second.has_stream(); }));
  (*second.result)->stream.reset();
  pool->retire();
  CHECK(!pool->is_empty());
  (*first.result)->stream.reset();
  CHECK(turn_until(loop, [&] { return pool->is_empty(); }));
}

TEST_CASE_FIXTURE(PoolTest, "pool: retired, it does not keep what it was still connecting") {
  cluster.pool.idle_http1 = std::chrono::minutes{1};
  made();
  ask().child = {};
  CHECK(pool->snapshot().connecting == 1);
  pool->retire();
  PeerConnection connection = peer.accept();
  CHECK(connection.is_closed());
  CHECK(pool->is_empty());
}

}  // namespace
