// Frames that a client must not send, though nghttp2 skips them.
#include "proxy/http2/frame_scan.hpp"
#include "proxy/http2/stream_history.hpp"
#include "tests/unit/http2/scripted.hpp"

#include <doctest/doctest.h>

#include <string>

namespace {

using namespace http2_test;
using http2::FrameScan;
using http2::StreamHistory;

constexpr std::uint32_t protocol_error = 1, stream_closed = 5;
constexpr int padded = 8;

std::string depending(std::uint32_t stream, std::uint32_t on) {
  return frame(priority, 0, stream, number(on) + "w");
}

TEST_CASE("h2 scan: passes what is right, and all before what is not, however it is cut") {
  struct Case {
    std::string frames;
    bool is_right;
  };
  const std::string pad_of_2("\2", 1);
  const Case cases[] = {
      {depending(3, 1) + depending(5, 0) + a_get(3), true},
      {depending(3, 3), false},
      {depending(3, 0x80000003), false},
      {frame(priority, 0, 3, number(3)), true},  // of a wrong size: nghttp2 refuses it
      {frame(data, padded, 3, pad_of_2 + "x12"), true},
      {frame(data, padded, 3, pad_of_2 + "12"), true},
      {frame(data, padded, 3, pad_of_2 + "1"), false},
      {frame(headers, padded, 3, pad_of_2), false},
      {frame(data, 0, 3, pad_of_2), true},
      {frame(data, padded, 3), true},       // nghttp2 refuses it
      {frame(data, 0, 0, pad_of_2), true},  // nor this
      {window(1, 1) + window(0, 1), true},
      {window(1, 0), false},
      {frame(ping, padded, 0, std::string(8, 'p')), true},
  };
  for (const Case& each : cases) {
    CAPTURE(each.frames);
    const std::string before = std::string(preface) + frame(settings, 0, 0) + a_get(1);
    const std::string all = before + each.frames + frame(settings, 0, 0);
    for (std::size_t cut = 0; cut <= all.size(); ++cut) {
      FrameScan scan;
      const std::string_view first = std::string_view(all).substr(0, cut);
      std::size_t passed = scan.pass(first);
      if (passed == cut) passed += scan.pass(std::string_view(all).substr(cut));
      REQUIRE((passed == all.size()) == each.is_right);
      REQUIRE(passed >= before.size());
    }
  }
}

TEST_CASE("h2 history: knows what was left out, and what the client ended lately") {
  StreamHistory history;
  for (const std::uint32_t id : {1U, 3U, 9U, 11U}) {
    REQUIRE(history.is_new(id));
    history.opened(id);
  }
  CHECK(!history.is_new(9));
  CHECK(!history.was_left_out(3));
  CHECK(history.was_left_out(5));
  CHECK(history.was_left_out(7));
  CHECK(!history.was_left_out(9));
  for (std::uint32_t id = 101; id < 201; id += 2) history.ended_by_client(id);
  CHECK(history.was_ended_by_client(199));
  CHECK(history.was_ended_by_client(141));
  CHECK(!history.was_ended_by_client(101));
}

TEST_CASE("h2 strict: what a client must not send ends its connection") {
  struct Case {
    std::string name;
    std::string frames;
    std::uint32_t code;
  };
  const std::string gone = a_post(1) + reset(1, 8);
  const Case cases[] = {
      {"DATA for a stream that it reset", gone + frame(data, 0, 1, "x"), stream_closed},
      {"HEADERS for a stream that it reset", gone + a_get(1), stream_closed},
      {"HEADERS for an identifier that it left out", a_get(5) + a_get(3), protocol_error},
      {"PRIORITY of the connection", depending(0, 1), protocol_error},
      {"PRIORITY on itself", depending(3, 3), protocol_error},
      {"a window of a gone stream, opened by nothing", gone + window(1, 0), protocol_error},
      {"padding without room", frame(data, padded, 1, "\5abc"), protocol_error},
  };
  for (const Case& each : cases) {
    CAPTURE(each.name);
    ServerAlone side;
    side.join(frame(settings, 0, 0) + each.frames);
    CHECK(side.peer.hears_goaway(each.code));
    CHECK(turn_until(side.loop, [&] { return side.is_server_closed; }));
  }
}

TEST_CASE_FIXTURE(ServerAlone, "h2 strict: nothing comes for a stream that both have ended") {
  join(frame(settings, 0, 0) + a_get(1));
  REQUIRE(peer.hears(headers, 1));
  REQUIRE(turn_until(loop, [&] { return server->is_idle(); }));
  peer.say(frame(data, end_stream, 1, "x"));
  CHECK(peer.hears_goaway(stream_closed));
}

TEST_CASE_FIXTURE(ServerAlone, "h2 strict: what crosses our reset, or a refusal, is no offence") {
  service.answer = [](http::Incoming in, http::ServerStream& stream) {
    return refuse(std::move(in), stream, 413);
  };
  server_settings.limits.streams = 2;
  join(frame(settings, 0, 0) + a_post(1));
  REQUIRE(peer.hears_reset(1, 0));
  peer.say(frame(data, 0, 1, "late") + section(1, field("a", "b"), true));
  CHECK(peer.is_in_step());
  CHECK(!peer.has_heard(goaway));
}

TEST_CASE_FIXTURE(ServerAlone, "h2 strict: nor is what follows on a stream that was refused") {
  server_settings.limits.streams = 1;
  join(frame(settings, 0, 0) + a_post(1) + a_post(3));
  REQUIRE(peer.hears_reset(3, 7));
  peer.say(frame(data, 0, 3, "late") + section(3, field("a", "b"), true));
  CHECK(peer.is_in_step());
  CHECK(!peer.has_heard(goaway));
}

TEST_CASE(
    "h2 strict: a preface that does not end is waited for as long as a handshake or a head may "
    "take") {
  struct Case {
    base::Millis handshake, header;
    std::string said;
  };
  const base::Millis soon{20}, late{60'000};
  for (const Case& each :
       {Case{soon, late, ""}, Case{late, soon, ""}, Case{late, soon, std::string(preface)},
        Case{late, soon, std::string(preface.substr(0, 7))}}) {
    ServerAlone side;
    side.server_settings.handshake_timeout = each.handshake;
    side.server_settings.header_timeout = each.header;
    const Ends ends;
    side.peer.take(ends.other);
    side.serve(ends.one);
    side.peer.say(each.said);
    CHECK(turn_until(side.loop, [&] { return side.is_server_closed; }));
  }
}

}  // namespace
