// How streams and connections end: resets, GOAWAY, draining, lost connections.
#include "tests/unit/http2/scripted.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>

namespace {

using namespace http2_test;

constexpr std::uint32_t no_error = 0, internal_error = 2, refused_stream = 7, cancel = 8;
constexpr std::uint32_t every_stream = 0x7fffffff;

TEST_CASE("h2 resets: what an upstream's RST_STREAM is to the one that asked") {
  struct Case {
    std::string name;
    std::string before;
    std::uint32_t code;
    std::optional<Reason> failure;
    bool is_unsent;
  };
  const std::string whole = an_ok(1, false) + frame(data, end_stream, 1, "body");
  const Case cases[] = {
      {"before the head", "", internal_error, Reason::reset, false},
      {"refused", "", refused_stream, Reason::refused, true},
      {"within the body", an_ok(1, false) + frame(data, 0, 1, "bo"), internal_error,
       Reason::response_aborted, false},
      {"refused within the body", an_ok(1, false), refused_stream, Reason::response_aborted, false},
      {"NO_ERROR before the end", an_ok(1, false), no_error, Reason::response_aborted, false},
      {"NO_ERROR after the end", whole, no_error, std::nullopt, false},
      {"CANCEL after the end", whole, cancel, std::nullopt, false},
  };
  for (const Case& each : cases) {
    CAPTURE(each.name);
    ClientAlone side;
    side.join();
    Asked& asked = side.ask(post(), std::string(200'000, 'b'));
    REQUIRE(side.peer.hears(headers, 1));
    side.peer.say(each.before);
    REQUIRE((each.before.empty() || turn_until(side.loop, [&] { return asked.has_head; })));
    side.peer.say(reset(1, each.code));
    REQUIRE(side.wait(asked));
    REQUIRE(asked.error.has_value() == each.failure.has_value());
    if (each.failure) {
      CHECK(asked.error->reason == *each.failure);
      CHECK(asked.error->code == each.code);
      CHECK(asked.error->unsent == each.is_unsent);
    } else {
      CHECK(asked.body == "body");
    }
    CHECK(turn_until(side.loop, [&] { return !asked.writing.is_running(); }));
    side.leave(asked);
    CHECK(side.client->is_idle());
    CHECK(side.client->free_streams() == 100);
  }
}

TEST_CASE_FIXTURE(ClientAlone,
                  "h2 resets: an exchange that is left resets its stream and frees its place") {
  client_settings.streams = 2;
  join();
  Asked& left = ask(get());
  Asked& kept = ask(get());
  CHECK(client->free_streams() == 0);
  REQUIRE(peer.hears(headers, 3));
  leave(left);
  CHECK(streams_ended == 1);
  CHECK(client->free_streams() == 1);
  CHECK(peer.hears_reset(1, cancel));
  peer.say(an_ok(1, false) + frame(data, end_stream, 1, "late") + an_ok(3, true));
  REQUIRE(wait(kept));
  CHECK(!kept.error);
  CHECK(!is_client_closed);
}

TEST_CASE_FIXTURE(ServerAlone, "h2 resets: a client that leaves ends its exchange, and no other") {
  service.answer = [](http::Incoming in, http::ServerStream& stream) {
    return echo(std::move(in), stream);
  };
  join();
  peer.say(a_post(1) + a_post(3));
  CHECK(turn_until(loop, [&] { return service.running == 2; }));
  peer.say(reset(1, cancel));
  CHECK(turn_until(loop, [&] { return service.running == 1; }));
  peer.say(frame(data, end_stream, 3, "x"));
  CHECK(peer.hears(headers, 3));
  CHECK(service.finished == 1);
}

TEST_CASE("h2 resets: an answer that breaks off says so, with the upstream's code") {
  for (const std::uint32_t code : {0U, 5U, 9U}) {
    CAPTURE(code);
    ServerAlone side;
    side.service.answer = [code](http::Incoming in, http::ServerStream& stream) {
      Error why{Reason::response_aborted, base::Fault::upstream, "cut"};
      why.code = code;
      Task<> answered = refuse(std::move(in), stream, 200);
      stream.abort(why);
      return answered;
    };
    side.join();
    side.peer.say(a_get(1));
    CHECK(side.peer.hears_reset(1, code == 0 ? internal_error : code));
  }
}

TEST_CASE_FIXTURE(ServerAlone,
                  "h2 resets: a request that breaks the rules is reset, once; others go on") {
  const std::string flawed[] = {
      request_block() + field("te", "gzip"),
      request_block() + field("connection", "close"),
      request_block() + field("host", "b.test"),
      request_block() + field("x", "a\nb"),
      request_block() + field("X", "upper"),
      request_block() + repeated(field("a", "b"), 500),
      field(":method", "GET") + field(":scheme", "http"),
  };
  join();
  std::uint32_t id = 1;
  for (const std::string& block : flawed) {
    CAPTURE(block);
    peer.heard.clear();
    peer.say(section(id, block, true) + a_get(id + 2));
    CHECK(peer.hears(headers, id + 2));
    CHECK(peer.is_in_step());
    const auto resets = std::count_if(peer.heard.begin(), peer.heard.end(),
                                      [](const Frame& it) { return it.type == rst_stream; });
    CHECK(resets == 1);
    CHECK(peer.hears_reset(id, 1));
    id += 4;
  }
}

TEST_CASE_FIXTURE(ServerAlone,
                  "h2 resets: the rest of a request that broke the rules is not waited for") {
  server_settings.header_timeout = base::Millis{30};
  join();
  peer.say(section(1, field(":method", "GET") + field(":scheme", "http"), true));  // no :path
  CHECK(peer.hears(rst_stream, 1));
  const base::Time late = base::Clock::now() + base::Millis{60};
  REQUIRE(turn_until(loop, [&] { return base::Clock::now() > late; }));
  peer.say(a_get(3));
  CHECK(peer.hears(headers, 3));
}

TEST_CASE("h2 resets: a response without a status that is one is the upstream's fault") {
  for (const char* status : {"000", "042", "099", "2000", "20", "abc", "+20", ""}) {
    CAPTURE(status);
    ClientAlone side;
    side.join();
    Asked& asked = side.ask(get());
    REQUIRE(side.peer.hears(headers, 1));
    side.peer.say(section(1, field(":status", status), true));
    REQUIRE(side.wait(asked));
    REQUIRE(asked.error);
    CHECK(asked.error->reason == Reason::upstream_protocol_error);
    CHECK(asked.interim.empty());
    CHECK(!side.is_client_closed);
  }
}

TEST_CASE_FIXTURE(ClientAlone, "h2 push: refused by SETTINGS; who pushes all the same is left") {
  join();
  Asked& asked = ask(get());
  REQUIRE(peer.hears(headers, 1));
  const std::string no_push("\0\2\0\0\0\0", 6);
  CHECK(peer.hears([&](const Frame& it) {
    return it.type == settings && it.payload.find(no_push) % 6 == 0;
  }));
  SUBCASE("having acknowledged it") { peer.say(frame(settings, ack, 0)); }
  SUBCASE("or not yet") {}
  peer.say(frame(push_promise, end_headers, 1, number(2) + request_block()));
  CHECK(peer.hears_goaway(1));
  REQUIRE(wait(asked));
  CHECK(asked.error);
}

TEST_CASE("h2: a status beyond the classes that are known is handed on as it came") {
  for (const char* status : {"600", "999"}) {
    CAPTURE(status);
    ClientAlone side;
    side.join();
    Asked& asked = side.ask(get());
    REQUIRE(side.peer.hears(headers, 1));
    side.peer.say(section(1, field(":status", status), true));
    REQUIRE(side.wait(asked));
    CHECK(asked.status == std::stoi(status));
  }
}

TEST_CASE_FIXTURE(ServerAlone, "h2 resets: an early answer ends the upload with NO_ERROR") {
  service.answer = [](http::Incoming in, http::ServerStream& stream) {
    return refuse(std::move(in), stream, 413);
  };
  join();
  peer.say(a_post(1) + frame(data, 0, 1, "some"));
  CHECK(peer.hears(headers, 1));
  CHECK(peer.hears_reset(1, no_error));
  CHECK(turn_until(loop, [&] { return server->is_idle(); }));
}

TEST_CASE_FIXTURE(ClientAlone,
                  "h2 GOAWAY: what was not processed may be repeated, what was ends well") {
  join();
  Asked& first = ask(get());
  Asked& second = ask(post(), "body");
  REQUIRE(peer.hears(headers, 3));
  peer.say(goaway_frame(1, no_error));
  REQUIRE(wait(second));
  CHECK(second.error->reason == Reason::refused);
  CHECK(second.error->unsent);
  CHECK(is_client_draining);
  CHECK(client->free_streams() == 0);
  CHECK(!is_client_closed);
  peer.say(an_ok(1, true));
  REQUIRE(wait(first));
  CHECK(!first.error);
}

TEST_CASE_FIXTURE(ClientAlone,
                  "h2 GOAWAY: ours lets what is open end, then the connection closes") {
  join();
  Asked& asked = ask(get());
  REQUIRE(peer.hears(headers, 1));
  client->shutdown();
  CHECK(client->free_streams() == 0);
  CHECK(peer.hears([](const Frame& it) { return it.type == goaway; }));
  peer.say(an_ok(1, true));
  REQUIRE(wait(asked));
  CHECK(!asked.error);
  leave(asked);
  CHECK(turn_until(loop, [&] { return is_client_closed; }));
}

TEST_CASE_FIXTURE(ClientAlone,
                  "h2 lost connection: what was sent is not repeated, what waited is") {
  join(setting(most_streams_setting, 1));
  Asked& sent = ask(get());
  Asked& waiting = ask(get());
  REQUIRE(peer.hears(headers, 1));
  peer.close();
  REQUIRE(wait(sent));
  REQUIRE(wait(waiting));
  CHECK(sent.error->reason == Reason::reset);
  CHECK(!sent.error->unsent);
  CHECK(waiting.error->unsent);
  CHECK(is_client_closed);
}

TEST_CASE_FIXTURE(ServerAlone,
                  "h2 drain: takes what is on its way, says the last, closes after it") {
  join();
  peer.say(a_post(1));
  CHECK(turn_until(loop, [&] { return service.running == 1; }));
  server->drain();
  CHECK(peer.hears([](const Frame& it) {
    return it.type == goaway && number_at(it.payload, 0) == every_stream;
  }));
  REQUIRE(peer.hears(ping, 0));
  std::string token;
  for (const Frame& it : peer.heard)
    if (it.type == ping) token = it.payload;
  peer.say(a_get(3) + frame(ping, ack, 0, token));
  CHECK(peer.hears(headers, 3));
  CHECK(peer.hears([](const Frame& it) {
    return it.type == goaway && number_at(it.payload, 0) == 3 &&
           number_at(it.payload, 4) == no_error;
  }));
  CHECK(!is_server_closed);
  peer.say(a_get(5) + frame(data, end_stream, 1));
  CHECK(peer.hears(headers, 1));
  CHECK(turn_until(loop, [&] { return is_server_closed; }));
  CHECK(service.requests == 2);
}

TEST_CASE_FIXTURE(ServerAlone, "h2 drain: an idle connection ends after one round trip") {
  join();
  CHECK(peer.is_in_step());
  server->drain();
  REQUIRE(peer.hears([](const Frame& it) { return it.type == ping && it.flags == 0; }));
  for (const Frame& it : peer.heard)
    if (it.type == ping && it.flags == 0) peer.say(frame(ping, ack, 0, it.payload));
  CHECK(turn_until(loop, [&] { return is_server_closed; }));
  CHECK(peer.goaway_code() == no_error);
}

TEST_CASE_FIXTURE(ServerAlone, "h2 lost connection: the client's end ends all exchanges") {
  join();
  peer.say(a_post(1) + a_post(3));
  CHECK(turn_until(loop, [&] { return service.running == 2; }));
  peer.close();
  CHECK(turn_until(loop, [&] { return is_server_closed; }));
  server.reset();
  loop.turn(base::Millis{0});
  CHECK(service.running == 0);
}

}  // namespace
