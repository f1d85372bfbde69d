#include "proxy/http2/conduct.hpp"

#include "tests/unit/http2/scripted.hpp"

#include <doctest/doctest.h>

#include <string>

namespace {

using namespace http2_test;
using http2::Budget;
using http2::Conduct;
using http2::Trust;

constexpr base::Time noon{std::chrono::hours{12}};

TEST_CASE("h2 budget: a burst at once, then so much a second, never more than the burst") {
  Budget budget(3, 2);
  for (int i = 0; i < 3; ++i) CHECK(budget.spend(noon));
  CHECK(!budget.spend(noon));
  Budget other(3, 2);
  CHECK(other.spend(noon, 3));
  CHECK(other.spend(noon + base::Millis{500}));
  CHECK(!other.spend(noon + base::Millis{900}));
  Budget rested(3, 2);
  CHECK(rested.spend(noon, 3));
  CHECK(rested.spend(noon + std::chrono::hours{1}, 3));
  CHECK(!rested.spend(noon + std::chrono::hours{1}));
}

TEST_CASE("h2 conduct: messages pay for PING, PRIORITY and WINDOW_UPDATE") {
  Conduct pinged(Trust::none);
  for (int i = 0; i < 1000; ++i) {
    pinged.data_received();
    REQUIRE(pinged.ping(noon));
  }
  for (int i = 0; i < 100; ++i) REQUIRE(pinged.ping(noon));
  CHECK(!pinged.ping(noon));

  Conduct ordered(Trust::none);
  ordered.stream_opened();
  for (int i = 0; i < 200; ++i) REQUIRE(ordered.priority());
  CHECK(!ordered.priority());

  Conduct updated(Trust::none);
  updated.stream_opened();
  updated.data_sent(25'600);
  for (int i = 0; i < 100 + 2 * 2 + 100; ++i) REQUIRE(updated.window_update());
  CHECK(!updated.window_update());

  Conduct stray(Trust::none);
  stray.stream_opened();
  for (int i = 0; i < 101; ++i) REQUIRE(stray.stray_reset());
  CHECK(!stray.stray_reset());
}

TEST_CASE(
    "h2 conduct: half of many streams may come to nothing, and what was long ago is forgotten") {
  Conduct half(Trust::none);
  for (int i = 0; i < 10'000; ++i) {
    half.stream_opened();
    half.stream_opened();
    REQUIRE(half.waste(noon));
  }
  int more = 0;
  do half.stream_opened();
  while (half.waste(noon) && ++more < 1000);
  CHECK(more < 10);

  Conduct reformed(Trust::none);
  for (int i = 0; i < 10'000; ++i) reformed.stream_opened();
  int wasted = 0;
  do reformed.stream_opened();
  while (reformed.waste(noon) && ++wasted < 10'000);
  CHECK(wasted >= 250);
  CHECK(wasted < 1500);
}

TEST_CASE(
    "h2 conduct: a few streams may come to nothing whatever their share, of a verified peer more") {
  Conduct unknown(Trust::none);
  Conduct verified(Trust::verified);
  int i = 0;
  for (; i < 250; ++i) {
    unknown.stream_opened();
    REQUIRE(unknown.waste(noon));
  }
  CHECK(!unknown.waste(noon));
  CHECK(unknown.waste(noon + std::chrono::seconds(1)));
  for (i = 0; i < 5000; ++i) {
    verified.stream_opened();
    REQUIRE(verified.waste(noon));
  }
  CHECK(!verified.waste(noon));
}

// What a client does, so often that it is just borne, and once more. The greeting's SETTINGS cost 1
// of the 200 that such things may cost.
struct Habit {
  std::string name;
  std::string first;
  std::string frames;
  int most;
};

TEST_CASE("h2 conduct: one less passes, one more ends the connection") {
  const std::string no_payload(8, 'p');
  const Habit habits[] = {
      {"SETTINGS", "", setting(window_setting, 70'000), 199},
      {"PING", "", frame(ping, 0, 0, no_payload), 99},
      {"PING acknowledged that was not sent", "", frame(ping, ack, 0, no_payload), 199},
      {"empty DATA", a_post(1), frame(data, 0, 1), 20},
      {"PRIORITY", "", frame(priority, 0, 1, number(3) + "p"), 100},
      {"WINDOW_UPDATE", "", window(0, 1), 100},
      {"GOAWAY", a_post(1), goaway_frame(0, 0), 199},
  };
  for (const Habit& habit : habits) {
    CAPTURE(habit.name);
    for (const int more : {0, 1}) {
      CAPTURE(more);
      ServerAlone side;
      side.join(frame(settings, 0, 0) + habit.first + repeated(habit.frames, habit.most + more));
      const bool is_over = more == 1;
      if (is_over) {
        CHECK(side.peer.hears_goaway(enhance_your_calm));
        CHECK(turn_until(side.loop, [&] { return side.is_server_closed; }));
        CHECK(side.service.finished == 0);
      } else {
        side.loop.turn(base::Millis{0});
        side.peer.say(habit.first.empty() ? a_get(1) : frame(data, end_stream, 1));
        CHECK(side.peer.hears(headers, 1));
        CHECK(!side.is_server_closed);
      }
    }
  }
}

TEST_CASE(
    "h2 conduct: streams that are reset, by the client or because of it, end the connection") {
  struct Case {
    std::string name;
    std::string (*stream)(std::uint32_t id);
    int most;
  };
  const Case cases[] = {
      {"reset by the client", [](std::uint32_t id) { return a_get(id) + reset(id, 8); }, 250},
      {"a window that overflows",
       [](std::uint32_t id) { return a_get(id) + window(id, 0x7fffffff); }, 39},
      {"more than was declared",
       [](std::uint32_t id) {
         return section(id, request_block("POST") + field("content-length", "1"), false) +
                frame(data, 0, id, "12");
       },
       250},
      {"a field that must not be",
       [](std::uint32_t id) { return section(id, request_block() + field("te", "gzip"), true); },
       39},
  };
  for (const Case& each : cases) {
    CAPTURE(each.name);
    for (const int more : {0, 1}) {
      CAPTURE(more);
      ServerAlone side;
      side.server_settings.limits.streams = 1000;
      side.join();
      for (int i = 0; i < each.most + more; ++i)
        side.peer.say(each.stream(static_cast<std::uint32_t>(2 * i + 1)));
      if (more == 0) {
        side.loop.turn(base::Millis{0});
        side.peer.say(a_get(1001));
        CHECK(side.peer.hears(headers, 1001));
        CHECK(side.peer.goaway_code() == 0);
      } else {
        CHECK(side.peer.hears_goaway(enhance_your_calm));
        CHECK(turn_until(side.loop, [&] { return side.is_server_closed; }));
      }
    }
  }
}

TEST_CASE_FIXTURE(ServerAlone,
                  "h2 conduct: who wastes streams gets no more, but what is open ends well") {
  server_settings.limits.streams = 1000;
  join(frame(settings, 0, 0) + a_post(1));
  for (std::uint32_t id = 3; id < 2 * 260; id += 2) peer.say(a_get(id) + reset(id, 8));
  CHECK(peer.hears_goaway(enhance_your_calm));
  peer.say(a_get(1001));
  CHECK(peer.is_in_step());
  CHECK(!is_server_closed);
  peer.say(frame(data, end_stream, 1, "x"));
  CHECK(peer.hears(headers, 1));
  CHECK(turn_until(loop, [&] { return is_server_closed; }));
  CHECK(service.requests == 1);
}

TEST_CASE_FIXTURE(ServerAlone, "h2 conduct: who goes on to ask for streams loses the connection") {
  join(frame(settings, 0, 0) + a_post(1));
  std::uint32_t id = 3;
  for (; !peer.has_ended && id < 2 * 3000; id += 2) {
    peer.say(a_get(id) + reset(id, 8));
    loop.turn(base::Millis{0});
    peer.hear();
    if (is_server_closed) break;
  }
  CHECK(is_server_closed);
  CHECK(service.finished == 0);
}

TEST_CASE_FIXTURE(ServerAlone, "h2 conduct: a stream that was answered was not wasted") {
  service.answer = [](http::Incoming, http::ServerStream& stream) {
    return download(1'000'000, stream);
  };
  join(setting(window_setting, 0));
  for (std::uint32_t id = 1; id < 2 * 400; id += 2) {
    peer.say(a_get(id));
    REQUIRE(peer.hears(headers, id));
    peer.say(reset(id, 8));
  }
  CHECK(peer.is_in_step());
  CHECK(!peer.has_heard(goaway));
}

TEST_CASE_FIXTURE(ServerAlone, "h2 conduct: an interim response is no answer") {
  service.answer = [](http::Incoming in, http::ServerStream& stream) {
    return echo(std::move(in), stream);
  };
  join();
  const std::string block = request_block("POST") + field("expect", "100-continue");
  for (std::uint32_t id = 1; id < 2 * 3000 && !peer.has_heard(goaway); id += 2) {
    peer.say(section(id, block, false));
    REQUIRE(peer.hears([=](const Frame& it) { return it.type == goaway || it.stream == id; }));
    peer.say(reset(id, 8));
  }
  CHECK(peer.hears_goaway(enhance_your_calm));
}

TEST_CASE_FIXTURE(ServerAlone, "h2 conduct: a verified peer may reset more") {
  info.peer_id = "spiffe://a.test/proxy";
  server_settings.limits.streams = 1000;
  join();
  for (std::uint32_t id = 1; id < 2 * 900; id += 2) {
    peer.say(a_get(id) + reset(id, 8));
    loop.turn(base::Millis{0});
  }
  CHECK(peer.is_in_step());
  CHECK(!peer.has_heard(goaway));
}

TEST_CASE_FIXTURE(ClientAlone, "h2 conduct: what we cancel is not held against the upstream") {
  join();
  std::uint32_t id = 1;
  for (int round = 0; round < 60; ++round) {
    std::string late;
    for (int i = 0; i < 50; ++i, id += 2) {
      Asked& asked = ask(get());
      REQUIRE(peer.hears(headers, id));
      leave(asked);
      late += i % 2 == 0 ? reset(id, 8) : an_ok(id, false) + frame(data, end_stream, id, "late");
    }
    REQUIRE(peer.hears(rst_stream, id - 2));
    peer.say(late);
    peer.heard.clear();
    exchanges.clear();
  }
  Asked& asked = ask(get());
  REQUIRE(peer.hears(headers, id));
  peer.say(an_ok(id, true));
  REQUIRE(wait(asked));
  CHECK(!asked.error);
  CHECK(!is_client_draining);
}

TEST_CASE_FIXTURE(ClientAlone, "h2 conduct: resets of streams that are gone are counted") {
  join();
  Asked& asked = ask(get());
  REQUIRE(peer.hears(headers, 1));
  leave(asked);
  REQUIRE(peer.hears(rst_stream, 1));
  peer.say(repeated(reset(1, 8), 102));
  CHECK(peer.hears_goaway(enhance_your_calm));
}

TEST_CASE_FIXTURE(ServerAlone, "h2 conduct: nothing is begun for a client that has gone too far") {
  join(frame(settings, 0, 0) + a_get(1) + repeated(setting(window_setting, 70'000), 300) +
       a_get(3));
  CHECK(peer.hears_goaway(enhance_your_calm));
  CHECK(turn_until(loop, [&] { return is_server_closed; }));
  CHECK(service.requests == 0);
}

TEST_CASE_FIXTURE(ClientAlone,
                  "h2 conduct: an upstream that floods is left, and what waits is told") {
  join();
  Asked& asked = ask(get());
  REQUIRE(peer.hears(headers, 1));
  peer.say(repeated(setting(window_setting, 70'000), 300));
  REQUIRE(wait(asked));
  CHECK(asked.error->reason == Reason::upstream_protocol_error);
  CHECK(!asked.error->unsent);
  CHECK(is_client_closed);
  CHECK(peer.hears_goaway(enhance_your_calm));
}

}  // namespace
