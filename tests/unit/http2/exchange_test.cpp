#include "tests/unit/http2/scripted.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace {

using namespace http2_test;

TEST_CASE_FIXTURE(Pair, "h2: a request and its response") {
  join();
  http::RequestHead head = get("/x?y=1");
  head.headers.add("x-one", "1");
  head.headers.add("cookie", "a=b");
  Asked& asked = ask(head);
  REQUIRE(wait(asked));
  CHECK(asked.status == 200);
  CHECK(!asked.has_body);
  CHECK(service.last.method == http::Method::get);
  CHECK(service.last.authority == "a.test");
  CHECK(service.last.path == "/x?y=1");
  CHECK(service.last.headers.find("x-one") == "1");
  CHECK(service.last.headers.find("cookie") == "a=b");
  CHECK(service.last.headers.size() == 2);
}

TEST_CASE_FIXTURE(Pair, "h2: bodies and trailers go both ways, whatever their size") {
  join();
  http::Headers trailers;
  trailers.add("grpc-status", "0");
  for (const std::size_t size : {1UL, 1000UL, 16384UL, 65535UL, 65536UL, 300000UL, 3000000UL}) {
    for (const std::size_t piece : {100UL * 1000, 16UL * 1024, 1000UL}) {
      if (size / piece > 1000) continue;
      CAPTURE(size);
      CAPTURE(piece);
      std::string body(size, 'b');
      body.back() = 'e';
      Asked& asked = ask(post(), body, piece, trailers);
      INFO(asked.body.size());
      REQUIRE(wait(asked));
      REQUIRE_MESSAGE(!asked.error, asked.error->detail);
      CHECK((asked.body == body));
      CHECK(asked.trailers.find("grpc-status") == "0");
    }
  }
}

TEST_CASE_FIXTURE(Pair, "h2: a large answer made at once is served once, and goes out whole") {
  service.answer = [](http::Incoming, http::ServerStream& stream) {
    return http2_test::download(8 * 1024 * 1024, stream);
  };
  join();
  Asked& asked = ask(get());
  REQUIRE(wait(asked));
  CHECK(!asked.error);
  CHECK(asked.body.size() == 8 * 1024 * 1024);
  CHECK(service.requests == 1);
}

TEST_CASE_FIXTURE(Pair, "h2: many exchanges at once") {
  join();
  for (int i = 0; i < 100; ++i) ask(post(), std::string(100000, 'x'));
  for (Asked& asked : exchanges) {
    REQUIRE(wait(asked));
    REQUIRE_MESSAGE(!asked.error, asked.error->detail);
    REQUIRE(asked.body.size() == 100000);
  }
  CHECK(turn_until(loop, [&] { return service.finished == 100; }));
}

// Reads the body, and then hears of an upstream that wants it.
Task<> asked_for_late(http::Incoming incoming, http::ServerStream& stream) {
  Task<Result<Bytes>> reading = incoming.body.read();
  stream.send_interim(100, {});
  const Result<Bytes> piece = co_await reading;
  if (!piece) co_return;
  Task<> rest = echo(std::move(incoming), stream);
  co_await rest;
}

TEST_CASE_FIXTURE(ServerAlone, "h2: a client that waits for 100 gets it once") {
  service.answer = asked_for_late;
  join();
  peer.say(section(1, request_block("POST") + field("expect", "100-continue"), false));
  REQUIRE(peer.hears(headers, 1));
  peer.say(frame(data, 0, 1, "a") + frame(data, end_stream, 1, "b"));
  REQUIRE(peer.hears(data, 1));
  CHECK(std::count_if(peer.heard.begin(), peer.heard.end(),
                      [](const Frame& it) { return it.type == headers; }) == 2);
}

TEST_CASE_FIXTURE(ServerAlone, "h2: an expectation without content goes no further") {
  service.answer = echo;
  join();
  peer.say(section(1, request_block() + field("expect", "100-continue"), true));
  REQUIRE(peer.hears(headers, 1));
  CHECK_FALSE(service.last.headers.contains(http::Name::expect));
}

}  // namespace
