#include "proxy/upstream/forward.hpp"

#include "proxy/http/recorder.hpp"
#include "tests/unit/upstream/forward_fixture.hpp"

namespace {

using namespace upstream_test;
using base::Reason;

TEST_CASE_FIXTURE(ForwardTest, "forward: a request and its response, and what the log will say") {
  Going& one = started();
  PeerConnection connection = peer.accept();
  CHECK(connection.read_head() == "GET /x HTTP/1.1\r\nhost: client.example\r\n\r\n");
  connection.send(ok);
  REQUIRE(comes_to_end(one));
  CHECK((*one.reply)->status == 200);
  CHECK(one.text == "hi");
  CHECK(one.info.cluster == "app");
  CHECK(one.info.attempt.endpoint == peer.address.to_string());
  CHECK(one.info.attempts == 1);
  CHECK(!one.info.attempt.was_reused);
  CHECK(one.info.attempt.connect_time > base::Duration::zero());
  CHECK(one.info.attempt.first_byte != base::never);
  CHECK(one.info.attempt.chosen != nullptr);
  CHECK(!one.info.attempt.has_alternatives);
  Going& two = started();
  CHECK(!connection.read_head().empty());
  connection.send(ok);
  REQUIRE(comes_to_end(two));
  CHECK(two.info.attempt.was_reused);
  CHECK(two.info.attempt.connect_time == base::Duration::zero());
  CHECK(pool().connects == 1);
}

TEST_CASE_FIXTURE(ForwardTest, "forward: what an attempt says of its endpoint outlives it") {
  Going& one = started();
  PeerConnection connection = peer.accept();
  CHECK(!connection.read_head().empty());
  connection.send(ok);
  REQUIRE(comes_to_end(one));
  const http::Attempt& attempt = one.info.attempt;
  const upstream::Endpoint& endpoint = *clusters->at("app").endpoints()[0].endpoint;
  CHECK(attempt.endpoint.view().data() == endpoint.text.view().data());
  clusters.reset();
  loop.settle();
  CHECK(attempt.endpoint == peer.address.to_string());
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

// The only pooled connection has died, and the loop has not noticed yet.
struct DeadConnection : ForwardTest {
  DeadConnection() {
    config.clusters[0].pool.connections = 1;
    Going& first = started();
    PeerConnection old = peer.accept();
    CHECK(!old.read_head().empty());
    old.send(ok);
    REQUIRE(comes_to_end(first));
    old.reset();
  }
  PeerConnection fresh_with(std::string_view field) {
    PeerConnection fresh = peer.accept();
    CHECK(fresh.read_head().find(field) != std::string::npos);
    return fresh;
  }
  void answer(PeerConnection& fresh, Going& second) {
    fresh.send(ok);
    REQUIRE(comes_to_end(second));
    CHECK(second.text == "hi");
    CHECK(pool().active == 0);
  }

  static constexpr std::string_view chunked = "transfer-encoding: chunked";
  Fed& fed = feds.emplace_back(loop);
};

TEST_CASE_FIXTURE(DeadConnection, "forward: repeats once, on a fresh connection, what it did not take") {
  Going& second = started();
  PeerConnection fresh = fresh_with("host: ");
  answer(fresh, second);
  CHECK(second.info.attempts == 1);
  CHECK(!second.info.attempt.was_reused);
}

TEST_CASE_FIXTURE(DeadConnection, "forward: repeats with what was read of a body") {
  fed.feed("abc");
  Going& second = started(fed.body(), http::Method::post);
  PeerConnection fresh = fresh_with(chunked);
  fed.feed("de");
  fed.end();
  CHECK(fresh.read_until("0\r\n\r\n") == "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  answer(fresh, second);
}

TEST_CASE_FIXTURE(DeadConnection, "forward: repeats with a body that had ended, whoever keeps it") {
  fed.feed("abc");
  fed.end();
  http::Recording recording(loop, fed.body(), 64 * 1024);
  Going& second = started(recording.cursor(), http::Method::post);
  PeerConnection fresh = fresh_with(chunked);
  CHECK(fresh.read_until("0\r\n\r\n") == "3\r\nabc\r\n0\r\n\r\n");
  answer(fresh, second);
}

TEST_CASE_FIXTURE(DeadConnection, "forward: repeats with all that a retry keeps of a body") {
  const std::string much(20'000, 'a');
  http::Recording recording(loop, fed.body(), 64 * 1024);
  fed.feed(much);
  Going& second = started(recording.cursor(), http::Method::post);
  PeerConnection fresh = fresh_with(chunked);
  fed.feed("de");
  fed.end();
  CHECK(fresh.read_until("0\r\n\r\n") == "4e20\r\n" + much + "\r\n2\r\nde\r\n0\r\n\r\n");
  answer(fresh, second);
  CHECK(recording.is_intact());
}

TEST_CASE_FIXTURE(DeadConnection, "forward: does not repeat where too much of a body was read") {
  fed.feed(std::string(20'000, 'a'));
  Going& second = started(fed.body(), http::Method::post);
  REQUIRE(comes_to_end(second));
  CHECK(second.reply->error().reason == Reason::reset);
  CHECK(second.reply->error().unsent);
  CHECK(pool().active == 0);
}

TEST_CASE_FIXTURE(ForwardTest, "forward: repeats once what an HTTP/2 upstream refused") {
  const std::string settings = upstream_test::frame(4, 0, 0);
  const std::string refused = upstream_test::frame(3, 0, 1, std::string_view("\0\0\0\7", 4));
  config.clusters[0].protocol = config::HttpVersion::h2;
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

TEST_CASE_FIXTURE(ForwardTest, "forward: repeats a refused request whose body had ended") {
  const std::string settings = upstream_test::frame(4, 0, 0);
  config.clusters[0].protocol = config::HttpVersion::h2;
  Fed& fed = feds.emplace_back(loop);
  fed.feed("abc");
  fed.end();
  http::Recording recording(loop, fed.body(), 64 * 1024);
  Going& one = started(recording.cursor(), http::Method::post);
  for (const bool refuses : {true, false}) {
    PeerConnection connection = peer.accept();
    connection.send(settings);
    CHECK(connection.read_until("abc").ends_with("abc"));
    connection.send(refuses ? upstream_test::frame(3, 0, 1, std::string_view("\0\0\0\7", 4))
                            : upstream_test::frame(1, 5, 1, "\x88"));
    if (refuses) continue;
    REQUIRE(comes_to_end(one));
    CHECK((*one.reply)->status == 200);
  }
}

TEST_CASE_FIXTURE(ForwardTest,
                  "forward: knows a gRPC status that came with the head, and waits for none") {
  const std::string head("\x88", 1);
  const std::string trailers = std::string("\0\x0bgrpc-status\x02", 14) + "14";
  config.clusters[0].protocol = config::HttpVersion::h2;
  Going& one = go();
  one.info.is_grpc = true;
  one.start();
  PeerConnection connection = peer.accept();
  connection.send(upstream_test::frame(4, 0, 0));
  REQUIRE(turn_until(loop, [&] { return pool().active == 1; }));
  SUBCASE("with the head") {
    connection.send(upstream_test::frame(1, 4, 1, head) + upstream_test::frame(1, 5, 1, trailers));
    REQUIRE(comes_to_end(one));
    CHECK((*one.reply)->trailing_grpc_status == 14);
    CHECK(one.info.attempt.outcome.grpc_status == 14);
  }
  SUBCASE("with a message between") {
    connection.send(upstream_test::frame(1, 4, 1, head) + upstream_test::frame(0, 0, 1, "abc") +
                    upstream_test::frame(1, 5, 1, trailers));
    REQUIRE(comes_to_end(one));
    CHECK((*one.reply)->trailing_grpc_status == -1);
    CHECK(one.text == "abc");
  }
  SUBCASE("later") {
    connection.send(upstream_test::frame(1, 4, 1, head));
    REQUIRE(turn_until(loop, [&] { return one.reply.has_value(); }));
    CHECK((*one.reply)->trailing_grpc_status == -1);
    connection.send(upstream_test::frame(0, 0, 1, "abc"));
    REQUIRE(turn_until(loop, [&] { return one.text == "abc"; }));
    connection.send(upstream_test::frame(1, 5, 1, trailers));
    REQUIRE(comes_to_end(one));
  }
  CHECK(!one.cut);
}

TEST_CASE_FIXTURE(ForwardTest, "forward: asks no upgrade of an HTTP/2 that takes none") {
  config.clusters[0].protocol = config::HttpVersion::h2;
  Going& one = go();
  one.request.protocol = "websocket";
  one.start();
  PeerConnection connection = peer.accept();
  connection.send(upstream_test::frame(4, 0, 0));
  REQUIRE(comes_to_end(one));
  CHECK(one.reply->error().reason == Reason::upstream_protocol_error);
  CHECK(one.reply->error().lasting);
  CHECK(pool().connects == 1);
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

}  // namespace
