// How much of the bodies under way is still to come, as a session knows it.
#include "tests/unit/http2/scripted.hpp"

#include "proxy/http2/session.hpp"

#include <doctest/doctest.h>

#include <string>

namespace {

using namespace http2_test;

struct Nowhere final : http2::Session::Output {
  void queue(std::string_view) override {}
  void queue(base::Bytes) override {}
  std::size_t unsent() const override { return 0; }
};

struct Asking final : http2::Stream {
  using Stream::Stream;
};

// A client's session, fed by hand.
struct Fed : http2::Session::Owner {
  Fed() {
    feed(frame(settings, 0, 0));
    for (Asking* stream : {&one, &other}) REQUIRE(session.request(*stream, get(), true));
    session.send(nowhere);
  }
  virtual ~Fed() = default;
  Fed(const Fed&) = delete;
  Fed& operator=(const Fed&) = delete;
  void feed(std::string_view frames) {
    CHECK(session.receive(base::Bytes::copy_of(frames)));
    session.take_events();
  }
  void head(const Asking& stream, std::string_view length, bool ends = false) {
    const auto id = static_cast<std::uint32_t>(stream.id);
    feed(section(id, "\x88" + field("content-length", length), ends));
  }
  void body(const Asking& stream, std::size_t size, int flags = 0) {
    feed(frame(data, flags, static_cast<std::uint32_t>(stream.id), std::string(size, 'd')));
  }

  http2::Stream* make_stream() override { return nullptr; }
  void on_head(http2::Stream&) override {}
  void on_closed(http2::Stream&) override {}
  void on_goaway() override {}
  void on_settings() override {}
  void on_pong() override {}
  base::Loop& loop() const override { return loop_; }

  mutable base::Loop loop_;
  Nowhere nowhere;
  http2::SessionLimits limits;
  http2::Session session{net::Role::client, limits, *this};
  Asking one{loop_};
  Asking other{loop_};
};

TEST_CASE_FIXTURE(Fed, "h2 expected: what was declared and has not come, of all streams") {
  CHECK(session.expected() == 0);
  head(one, "1000");
  head(other, "500");
  CHECK(session.expected() == 1500);
  body(one, 400);
  CHECK(session.expected() == 1100);
  body(one, 600);
  CHECK(session.expected() == 500);
  body(other, 500, end_stream);
  CHECK(session.expected() == 0);
}

TEST_CASE_FIXTURE(Fed, "h2 expected: nothing more of a stream that has ended, however that was") {
  head(one, "1000");
  head(other, "0");
  SUBCASE("reset by the peer") { feed(reset(static_cast<std::uint32_t>(one.id), 8)); }
  SUBCASE("reset by us") {
    session.reset(one, http2::Code::cancel);
    session.send(nowhere);
  }
  SUBCASE("forgotten") { session.detach(one); }
  SUBCASE("broken") { body(one, 1001); session.send(nowhere); }
  CHECK(session.expected() == 0);
}

TEST_CASE_FIXTURE(Fed, "h2 expected: nothing of a head without a body, or of no known length") {
  head(one, "1000", true);
  feed(an_ok(static_cast<std::uint32_t>(other.id), false));
  body(other, 400);
  CHECK(session.expected() == 0);
}

}  // namespace
