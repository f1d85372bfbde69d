#include "tests/unit/http2/scripted.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>

namespace {

using namespace http2_test;

// As many bytes as RFC 9113 6.5.2 counts for the fields of request_block().
constexpr std::size_t plain_request =
    7 + 3 + 32 + 7 + 4 + 32 + 10 + 6 + 32 + 5 + 1 + 32;  // :method :scheme :authority :path
constexpr std::size_t plain_response = 7 + 3 + 32;

std::string filler(std::size_t counted) {
  return field("x", std::string(counted - 33, 'v'));
}

// What the service was told, or that the stream was reset.
struct Seen {
  std::optional<Reason> refused;
  bool is_served = false;
  bool is_reset = false;
};

Seen see(std::string_view frames) {
  ServerAlone side;
  Seen seen;
  side.service.answer = [&](http::Incoming in, http::ServerStream& stream) {
    seen.is_served = true;
    if (in.refused) seen.refused = in.refused->reason;
    return refuse(std::move(in), stream, 200);
  };
  side.join();
  side.peer.say(frames);
  CHECK(side.peer.is_in_step());
  seen.is_reset = side.peer.has_heard(rst_stream);
  CHECK(!side.peer.has_heard(goaway));
  return seen;
}

TEST_CASE("h2 limits: of a request's head, at the limit and beyond") {
  constexpr std::size_t most = 32 * 1024;
  struct Case {
    std::string name;
    std::string block;
    std::optional<Reason> refused;
    bool is_reset;
  };
  const std::string head = request_block();
  const Case cases[] = {
      {"bytes, all", head + filler(most - plain_request), std::nullopt, false},
      {"bytes, one more", head + filler(most - plain_request + 1), Reason::headers_too_large,
       false},
      {"bytes, four times", head + repeated(filler(most / 2), 7) + filler(most / 2 - plain_request),
       Reason::headers_too_large, false},
      {"bytes, over four times",
       head + repeated(filler(most / 2), 7) + filler(most / 2 - plain_request + 1),
       Reason::headers_too_large, true},
      {"fields, all", head + repeated(field("a", "b"), 96), std::nullopt, false},
      {"fields, one more", head + repeated(field("a", "b"), 101), Reason::headers_too_large, false},
      {"fields, over four times", head + repeated(field("a", "b"), 401), Reason::headers_too_large,
       true},
      {"name", head + field(std::string(20'000, 'n'), "v"), std::nullopt, false},
      {"one field", head + field("x", std::string(30'000, 'v')), std::nullopt, false},
      {"crumbs of cookies", head + repeated(field("cookie", "b"), 101), Reason::headers_too_large,
       false},
      {"target, all", request_block("GET", "/" + std::string(8191, 't')), std::nullopt, false},
      {"target, one more", request_block("GET", "/" + std::string(8192, 't')),
       Reason::target_too_long, false},
      {"method", request_block(std::string(8193, 'M')), Reason::headers_too_large, false},
  };
  for (const Case& each : cases) {
    CAPTURE(each.name);
    const Seen seen = see(section(1, each.block, true));
    CHECK(seen.is_reset == each.is_reset);
    CHECK(seen.is_served);  // also who is only to be logged
    CHECK(seen.refused == each.refused);
  }
}

TEST_CASE("h2 limits: of a request's trailers, at the limit and beyond") {
  struct Case {
    std::string block;
    bool is_whole;
  };
  const Case cases[] = {
      {filler(32 * 1024), true},
      {filler(32 * 1024 + 1), false},
      {repeated(field("a", "b"), 100), true},
      {repeated(field("a", "b"), 101), false},
      {repeated(filler(32 * 1024), 5), false},
  };
  for (const Case& each : cases) {
    ServerAlone side;
    side.join();
    side.peer.say(a_post(1) + frame(data, 0, 1, "body") + section(1, each.block, true));
    CHECK(side.peer.is_in_step());
    CHECK(side.peer.has_heard(headers) == each.is_whole);
    CHECK(side.peer.has_heard(rst_stream) != each.is_whole);
    CHECK(turn_until(side.loop, [&] { return side.service.running == 0; }));
  }
}

TEST_CASE("h2 limits: of a response, at the limit and beyond") {
  constexpr std::size_t most = 32 * 1024;
  struct Case {
    std::string name;
    std::string frames;
    std::optional<Reason> failure;
  };
  const std::string ok = field(":status", "200");
  const Case cases[] = {
      {"bytes, all", section(1, ok + filler(most - plain_response), true), std::nullopt},
      {"bytes, one more", section(1, ok + filler(most - plain_response + 1), true),
       Reason::upstream_protocol_error},
      {"one field", section(1, ok + field("x", std::string(30'000, 'v')), true), std::nullopt},
      {"fields, one more", section(1, ok + repeated(field("a", "b"), 101), true),
       Reason::upstream_protocol_error},
      {"fields, over four times", section(1, ok + repeated(field("a", "b"), 401), true),
       Reason::upstream_protocol_error},
      {"interim responses, all",
       repeated(section(1, field(":status", "103"), false), 16) + an_ok(1, true), std::nullopt},
      {"interim responses, one more",
       repeated(section(1, field(":status", "103"), false), 17) + an_ok(1, true),
       Reason::upstream_protocol_error},
  };
  for (const Case& each : cases) {
    CAPTURE(each.name);
    ClientAlone side;
    side.join();
    Asked& asked = side.ask(get());
    REQUIRE(side.peer.hears(headers, 1));
    side.peer.say(each.frames);
    REQUIRE(side.wait(asked));
    CHECK(asked.error.has_value() == each.failure.has_value());
    if (asked.error && each.failure) CHECK(asked.error->reason == *each.failure);
    CHECK(!side.is_client_closed);
  }
}

TEST_CASE_FIXTURE(ClientAlone, "h2 limits: a response whose trailers are too large is cut") {
  join();
  Asked& asked = ask(get());
  REQUIRE(peer.hears(headers, 1));
  peer.say(an_ok(1, false));
  REQUIRE(turn_until(loop, [&] { return asked.has_head; }));
  peer.say(section(1, filler(32 * 1024 + 1), true));
  REQUIRE(wait(asked));
  REQUIRE(asked.error);
  CHECK(asked.error->reason == Reason::response_aborted);
  CHECK(asked.error->detail == "the trailers are over limits.trailer_bytes");
}

TEST_CASE_FIXTURE(ServerAlone,
                  "h2 limits: streams beyond the limit are refused, and may be repeated") {
  server_settings.limits.streams = 2;
  join(frame(settings, 0, 0) + a_post(1) + a_post(3) + a_get(5));
  CHECK(peer.hears_reset(5, 7));
  CHECK(service.requests == 2);
  peer.say(frame(data, end_stream, 1));
  CHECK(peer.hears(headers, 1));
  peer.say(a_get(7));
  CHECK(peer.hears(headers, 7));
}

TEST_CASE_FIXTURE(ServerAlone, "h2 limits: CONTINUATION frames may come byte by byte") {
  join();
  const std::string block = request_block();
  std::string frames = frame(headers, end_stream, 1, block.substr(0, 4));
  for (std::size_t at = 4; at < 11; ++at) frames += frame(continuation, 0, 1, block.substr(at, 1));
  frames += frame(continuation, end_headers, 1, block.substr(11));
  for (const char byte : frames) {
    peer.say({&byte, 1});
    loop.turn(base::Millis{0});
  }
  CHECK(peer.hears(headers, 1));
}

TEST_CASE("h2 limits: a section in too many CONTINUATIONs ends the connection") {
  for (const int count : {72, 73}) {
    CAPTURE(count);
    ServerAlone side;
    std::string frames = frame(headers, end_stream, 1, request_block());
    frames += repeated(frame(continuation, 0, 1, field("a", "b")), count - 1);
    frames += frame(continuation, end_headers, 1, field("a", "b"));
    std::optional<Reason> refused;
    side.service.answer = [&](http::Incoming in, http::ServerStream& stream) {
      if (in.refused) refused = in.refused->reason;
      return refuse(std::move(in), stream, 200);
    };
    side.join(frame(settings, 0, 0) + frames);
    if (count == 72) {
      CHECK_FALSE(refused);
      CHECK(side.peer.hears(headers, 1));
    } else {
      CHECK(side.peer.hears([](const Frame& it) { return it.type == goaway; }));
      CHECK(turn_until(side.loop, [&] { return side.is_server_closed; }));
      CHECK(refused == Reason::bad_request);
    }
  }
}

}  // namespace
