// Who waits for whom: windows, readers that do not read, stream limits, PING.
#include "tests/unit/http2/scripted.hpp"

#include <doctest/doctest.h>

#include <string>

namespace {

using namespace http2_test;

constexpr std::size_t first_window = 64 * 1024;
constexpr std::uint64_t grown_window = 1024 * 1024;

std::string bytes_of(std::uint32_t stream, std::size_t size) {
  std::string frames;
  for (; size > 0; size -= std::min<std::size_t>(size, 16384))
    frames += frame(data, 0, stream, std::string(std::min<std::size_t>(size, 16384), 'd'));
  return frames;
}

TEST_CASE("h2 windows: the connection's is as large as can be, a stream's is small") {
  ServerAlone side;
  side.join();
  CHECK(side.peer.is_in_step());
  CHECK(side.peer.granted(0) == 0x7fffffff - 65'535);
  for (const Frame& it : side.peer.heard) {
    if (it.type != settings || it.flags != 0) continue;
    for (std::size_t at = 0; at < it.payload.size(); at += 6)
      if (number_at(it.payload, at, 2) == window_setting)
        CHECK(number_at(it.payload, at + 2) == first_window);
  }
}

TEST_CASE_FIXTURE(ServerAlone,
                  "h2 windows: a reader that does not read holds no more than its window") {
  base::Event gate(loop);
  service.answer = [&gate](http::Incoming in, http::ServerStream& stream) -> Task<> {
    struct Late {
      static Task<> read(http::Incoming late, http::ServerStream& to, base::Event& when) {
        co_await when.wait();
        co_await echo(std::move(late), to);
      }
    };
    return Late::read(std::move(in), stream, gate);
  };
  join(frame(settings, 0, 0) + frame(settings, ack, 0));
  const std::size_t before = base::block_bytes_in_use();
  peer.say(a_post(1) + bytes_of(1, first_window));
  CHECK(peer.is_in_step());
  CHECK(peer.granted(1) == 0);
  CHECK(base::block_bytes_in_use() <= before + 2 * first_window);
  CHECK(!peer.has_heard(rst_stream));
  SUBCASE("and gives it back as it reads") {
    gate.set();
    CHECK(turn_until(loop, [&] {
      peer.hear();
      return peer.granted(1) >= first_window;
    }));
    peer.say(frame(data, end_stream, 1, "end"));
    CHECK(peer.hears(headers, 1));
  }
  SUBCASE("more than that is the client's fault") {
    peer.say(frame(data, 0, 1, "x"));
    CHECK(peer.hears_reset(1, 3));
    CHECK(turn_until(loop, [&] { return service.running == 0; }));
  }
}

TEST_CASE_FIXTURE(ClientAlone, "h2 windows: a reader that keeps up gets a large one, in time") {
  join();
  Asked& asked = ask(get());
  REQUIRE(peer.hears(headers, 1));
  peer.say(an_ok(1, false));
  REQUIRE(turn_until(loop, [&] { return asked.has_head; }));
  peer.say(bytes_of(1, 15 * 1024));
  REQUIRE(turn_until(loop, [&] { return asked.body.size() == 15 * 1024; }));
  CHECK(peer.is_in_step());
  CHECK(peer.granted(1) <= 15 * 1024);
  peer.say(bytes_of(1, 1024));
  CHECK(turn_until(loop, [&] {
    peer.hear();
    return first_window + peer.granted(1) - asked.body.size() >= grown_window * 9 / 10;
  }));
  CHECK(first_window + peer.granted(1) - asked.body.size() <= grown_window + 16 * 1024);
}

TEST_CASE_FIXTURE(ServerAlone, "h2 windows: a thread has so many large ones, and takes them back") {
  constexpr std::uint32_t last = 2 * 70 - 1;
  const auto has_grown = [&](std::uint32_t id) {
    return peer.granted(id) >= grown_window * 9 / 10;
  };
  join();
  for (std::uint32_t id = 1; id <= last; id += 2) {
    peer.say(a_post(id) + bytes_of(id, 16 * 1024));
    CHECK(turn_until(loop, [&] { return service.running == static_cast<int>(id / 2 + 1); }));
  }
  CHECK(peer.is_in_step());
  int grown = 0;
  for (std::uint32_t id = 1; id <= last; id += 2) grown += has_grown(id) ? 1 : 0;
  CHECK(grown == 64);
  CHECK(!has_grown(last));
  peer.say(reset(1, 8));
  CHECK(turn_until(loop, [&] { return service.running == 69; }));
  peer.say(bytes_of(last, 16 * 1024));
  CHECK(turn_until(loop, [&] { return peer.hear(), has_grown(last); }));
}

TEST_CASE_FIXTURE(ServerAlone, "h2 windows: an answer goes out as far as the client lets it") {
  service.answer = [](http::Incoming, http::ServerStream& stream) {
    return download(200'000, stream);
  };
  join();
  peer.say(a_get(1));
  CHECK(turn_until(loop, [&] { return peer.hear(), peer.data_bytes(1) == 65'535; }));
  CHECK(peer.is_in_step());
  CHECK(peer.data_bytes(1) == 65'535);
  CHECK(service.running == 1);
  peer.say(window(0, 1'000'000) + window(1, 10'000));
  CHECK(turn_until(loop, [&] { return peer.hear(), peer.data_bytes(1) == 75'535; }));
  CHECK(service.running == 1);
  peer.say(window(1, 1'000'000));
  CHECK(turn_until(loop, [&] { return service.finished == 1; }));
  CHECK(turn_until(loop, [&] { return peer.hear(), peer.data_bytes(1) == 200'000; }));
}

TEST_CASE_FIXTURE(ServerAlone,
                  "h2 windows: a client that takes nothing is given up, others go on") {
  server_settings.send_timeout = base::Millis{40};
  service.answer = [](http::Incoming in, http::ServerStream& stream) {
    if (in.head.path == "/large") return download(200'000, stream);
    return echo(std::move(in), stream);
  };
  join(setting(window_setting, 10));
  peer.say(section(1, request_block("GET", "/large"), true));
  CHECK(peer.hears_reset(1, 8));
  CHECK(turn_until(loop, [&] { return service.running == 0; }));
  peer.say(a_get(3));
  CHECK(peer.hears(headers, 3));
}

TEST_CASE_FIXTURE(ClientAlone, "h2 streams: the lower of both limits counts, and it may sink") {
  client_settings.streams = 4;
  join(setting(most_streams_setting, 3));
  CHECK(client->free_streams() == 3);
  Asked& first = ask(get());
  Asked& second = ask(get());
  REQUIRE(peer.hears(headers, 3));
  peer.say(setting(most_streams_setting, 1));
  CHECK(turn_until(loop, [&] { return limits_changed == 2; }));
  CHECK(client->free_streams() == 0);
  peer.say(an_ok(1, true));
  REQUIRE(wait(first));
  leave(first);
  CHECK(client->free_streams() == 0);
  peer.say(an_ok(3, true));
  REQUIRE(wait(second));
  leave(second);
  CHECK(client->free_streams() == 1);
  peer.say(setting(most_streams_setting, 100));
  CHECK(turn_until(loop, [&] { return client->free_streams() == 4; }));
}

TEST_CASE("h2 streams: a head that waits when the limit sinks may be repeated elsewhere") {
  for (const std::uint32_t limit : {0U, 1U}) {
    CAPTURE(limit);
    ClientAlone side;
    const Ends ends;
    side.peer.take(ends.other);
    side.connect(ends.one);
    Asked& first = side.ask(get());
    Asked& second = side.ask(get());
    side.peer.say(setting(most_streams_setting, limit));
    REQUIRE(side.wait(second));
    CHECK(second.error->reason == Reason::refused);
    CHECK(second.error->unsent);
    if (limit == 0) {
      REQUIRE(side.wait(first));
      CHECK(first.error->unsent);
    } else {
      REQUIRE(side.peer.hears(headers, 1));
      CHECK(!first.is_over());
    }
    CHECK(!side.is_client_closed);
  }
}

TEST_CASE_FIXTURE(ClientAlone,
                  "h2 PING: an upstream that answers stays, one that does not is left") {
  client_settings.ping = base::Millis{20};
  join();
  Asked& asked = ask(get());
  REQUIRE(peer.hears(headers, 1));
  for (int i = 0; i < 3; ++i) {
    peer.heard.clear();
    REQUIRE(peer.hears(ping, 0));
    peer.say(frame(ping, ack, 0, peer.heard.back().payload));
  }
  CHECK(!is_client_closed);
  REQUIRE(wait(asked));
  CHECK(asked.error->reason == Reason::reset);
  CHECK(!asked.error->unsent);
  CHECK(is_client_closed);
}

}  // namespace
