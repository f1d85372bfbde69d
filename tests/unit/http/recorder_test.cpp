#include "proxy/http/recorder.hpp"

#include "proxy/base/event.hpp"
#include "proxy/base/event_loop.hpp"
#include "proxy/base/memory_pressure.hpp"
#include "tests/unit/http/body_text.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <future>
#include <string>
#include <sys/resource.h>

namespace {

using http_test::read_all;
using http_test::text_of;

TEST_CASE("a recorded body is read from its start again, until it is too large") {
  base::Loop loop;
  http::Recording small(loop, http::Body::of(base::Bytes::copy_of("hello")), 5);
  for (int i = 0; i < 3; ++i) {
    http::Body body = small.cursor();
    CHECK(body.size() == 5);
    CHECK(text_of(body, loop) == "hello");
    CHECK(small.is_intact());
  }
  http::Recording large(loop, http::Body::of(base::Bytes::copy_of("hello!")), 5);
  http::Body body = large.cursor();
  CHECK(text_of(body, loop) == "hello!");
  CHECK_FALSE(large.is_intact());
  http::Recording none(loop, http::Body(), 5);
  CHECK(none.cursor().is_empty());
}

TEST_CASE("a recorded body is not kept while memory is short, and is read all the same") {
  base::Loop loop;
  const base::Bytes held = base::Bytes::copy_of(std::string(3'000'000, 'x'));
  base::memory_is_short_above(1'500'000);
  http::Recording recording(loop, http::Body::of(base::Bytes::copy_of("hello")), 5);
  http::Body body = recording.cursor();
  CHECK(text_of(body, loop) == "hello");
  CHECK_FALSE(recording.is_intact());
  base::memory_is_short_above(0);
  base::ReadBlock::spare_memory(false);
  http::Recording later(loop, http::Body::of(base::Bytes::copy_of("hello")), 5);
  http::Body again = later.cursor();
  CHECK(text_of(again, loop) == "hello");
  CHECK(later.is_intact());
}

// A body that comes as the test says.
struct Coming final : http::OwnedSource {
  explicit Coming(base::Event& on) : comes(on) {}
  base::Task<base::Result<base::Bytes>> read() override {
    const bool was_set = co_await comes.wait();
    ++read_count;
    base::Bytes piece = was_set ? base::Bytes::copy_of("abc") : base::Bytes();
    co_return piece;
  }
  base::Event& comes;
  int read_count = 0;
};

base::Task<> read_some(http::Body& body, int pieces, std::string& text) {
  for (int i = 0; i < pieces; ++i) {
    auto piece = co_await body.read();
    if (!piece) text += '!';
    if (!piece || piece->empty()) co_return;
    text += piece->view();
  }
}

TEST_CASE("a recorded body has several readers at once") {
  base::Loop loop;
  base::Event comes(loop);
  http::Recording recording(loop, http::Body(new Coming(comes)), 9);
  http::Body one = recording.cursor();
  http::Body two = recording.cursor();
  std::string by_one;
  std::string by_two;
  base::TaskGroup tasks(loop);
  base::Child first = tasks.spawn(read_some(one, 2, by_one));
  tasks.spawn(read_some(two, 2, by_two)).release();
  const auto come = [&] {
    comes.set();
    loop.settle();
  };
  come();
  CHECK(by_one == "abc");
  CHECK(by_two == "abc");
  SUBCASE("the other goes on when the one that reads for both is gone") {
    first.cancel();
    loop.settle();
    one = http::Body();
    come();
    CHECK(by_two == "abcabc");
  }
  SUBCASE("a third begins at the start, and goes on live") {
    http::Body three = recording.cursor();
    std::string by_three;
    tasks.spawn(read_some(three, 2, by_three)).release();
    CHECK(by_three == "abc");
    come();
    CHECK(by_one == "abcabc");
    CHECK(by_two == "abcabc");
    CHECK(by_three == "abcabc");
  }
}

TEST_CASE("a recorded body drops the reader that lags by more than is kept") {
  base::Loop loop;
  base::Event comes(loop);
  http::Recording recording(loop, http::Body(new Coming(comes)), 6);
  http::Body quick = recording.cursor();
  http::Body slow = recording.cursor();
  std::string by_quick;
  std::string by_slow;
  base::TaskGroup tasks(loop);
  tasks.spawn(read_some(quick, 4, by_quick)).release();
  tasks.spawn(read_some(slow, 1, by_slow)).release();
  int lag = 0;
  SUBCASE("not one that lags by less") {
    lag = 6;
  }
  SUBCASE("but one that lags by more") {
    lag = 9;
  }
  for (int came = 0; came < lag + 3; came += 3) {
    comes.set();
    loop.settle();
  }
  CHECK_FALSE(recording.is_intact());
  CHECK(by_quick == std::string("abcabcabcabc").substr(0, static_cast<std::size_t>(lag + 3)));
  tasks.spawn(read_some(slow, 2, by_slow)).release();
  CHECK(by_slow == (lag == 6 ? "abcabcabc" : "abc!"));
}

// So many bytes that differ from place to place, in pieces as a socket brings them.
struct Long final : http::OwnedSource {
  explicit Long(const std::string& all) : text(all) {}
  base::Task<base::Result<base::Bytes>> read() override {
    const std::string_view piece = std::string_view(text).substr(at, 60'000);
    at += piece.size();
    return base::Result<base::Bytes>(base::Bytes::copy_of(piece));
  }
  const std::string& text;
  std::size_t at = 0;
};

constexpr std::size_t mib = 1024 * 1024;

// A recording whose files are for an executor, which a test can keep from them.
struct Spilling {
  explicit Spilling(std::size_t size) {
    for (std::size_t i = 0; all.size() < size; ++i) all += std::to_string(i) + ' ';
    std::promise<void> is_held;
    REQUIRE(files.run([&, may_go = may_write.get_future().share()] {
      is_held.set_value();
      may_go.wait();
    }));
    is_held.get_future().wait();
  }
  ~Spilling() {
    tasks.cancel_all();
    let_write();
  }
  void let_write() {
    if (!std::exchange(writes, true)) may_write.set_value();
  }
  struct Reader {
    http::Body body;
    std::string text;
    bool is_over = false;
    base::Child child;
  };
  void start(Reader& reader) {
    reader.body = recording.cursor();
    reader.child = tasks.spawn(run(reader));
    loop.settle();
  }
  // As much as that of it, and no more.
  void take(Reader& reader, std::size_t count) {
    if (reader.body.is_empty()) reader.body = recording.cursor();
    reader.is_over = false;
    reader.child = tasks.spawn(run_until(reader, count));
    turn_until_over(reader);
  }
  static base::Task<> run_until(Reader& reader, std::size_t count) {
    while (reader.text.size() < count) {
      auto piece = co_await reader.body.read();
      if (!piece) reader.text += '!';
      if (!piece || piece->empty()) break;
      reader.text += piece->view();
    }
    reader.is_over = true;
  }
  static base::Task<> run(Reader& reader) {
    co_await read_all(reader.body, reader.text);
    reader.is_over = true;
  }
  void turn_until_over(const Reader& reader) {
    while (!reader.is_over) loop.turn(std::chrono::hours{1});
  }

  std::promise<void> may_write;
  bool writes = false;
  std::string all;
  base::EventLoop loop;
  base::Executor files{1, 2};
  base::TaskGroup tasks{loop};
  http::Recording recording{loop, http::Body(new Long(all)), 8 * mib, &files};
};

TEST_CASE("a recorded body waits for a slow disk, and the loop does not") {
  Spilling to(5 * mib);
  Spilling::Reader one;
  to.start(one);
  CHECK(one.text.size() > 2 * mib);  // in memory, and on its way to the file
  CHECK(one.text.size() < 3 * mib);
  CHECK_FALSE(one.is_over);
  to.let_write();
  to.turn_until_over(one);
  CHECK(one.text == to.all);
  CHECK(to.recording.is_intact());
  Spilling::Reader two;
  to.start(two);
  to.turn_until_over(two);
  CHECK(two.text == to.all);
}

TEST_CASE("a recorded body is whole for the next, whoever is cut off while it is written") {
  Spilling to(3 * mib);
  Spilling::Reader one;
  to.start(one);
  one.child.cancel();
  to.loop.settle();
  one.body = http::Body();
  Spilling::Reader two;
  to.start(two);
  CHECK(two.text == one.text);
  to.let_write();
  to.turn_until_over(two);
  CHECK(two.text == to.all);
  CHECK(to.recording.is_intact());
}

TEST_CASE("a recorded body that nobody will read again is not held up by the disk") {
  Spilling to(5 * mib);
  Spilling::Reader one;
  to.start(one);
  CHECK_FALSE(one.is_over);
  to.recording.stop();
  to.loop.settle();
  CHECK(one.is_over);
  CHECK(one.text == to.all);
  CHECK_FALSE(to.recording.has_no_room());
}

TEST_CASE("a recorded body goes on without a file where too many wait for the disk") {
  Spilling to(5 * mib);
  for (int i = 0; i < 2; ++i) REQUIRE(to.files.run([] {}));
  Spilling::Reader one;
  to.start(one);
  CHECK(one.is_over);
  CHECK(one.text == to.all);
  CHECK_FALSE(to.recording.is_intact());
  CHECK_FALSE(to.recording.has_no_room());
}

TEST_CASE("a recorded body is read from its file once that is possible again") {
  Spilling to(5 * mib);
  to.let_write();
  Spilling::Reader one;
  to.take(one, to.all.size());
  std::promise<void> may_go_on;
  std::promise<void> is_held;
  REQUIRE(to.files.run([&] {
    is_held.set_value();
    may_go_on.get_future().wait();
  }));
  is_held.get_future().wait();
  for (int i = 0; i < 2; ++i) REQUIRE(to.files.run([] {}));
  Spilling::Reader two;
  to.start(two);
  CHECK_FALSE(two.is_over);
  may_go_on.set_value();
  to.turn_until_over(two);
  CHECK(two.text == to.all);
}

TEST_CASE("a recorded body is whole for the last that reads it, however late that is") {
  Spilling to(5 * mib);
  to.let_write();
  Spilling::Reader one;
  to.take(one, to.all.size());
  one.body = http::Body();
  Spilling::Reader two;
  to.take(two, 1000);
  to.recording.stop();
  to.take(two, to.all.size());
  CHECK((two.text == to.all));
}

TEST_CASE("a recorded body that nobody else will read is kept for the slower of two") {
  Spilling to(7 * mib);
  to.let_write();
  Spilling::Reader quick;
  Spilling::Reader slow;
  to.take(quick, 1000);
  to.take(slow, 1000);
  to.recording.stop();
  SUBCASE("all of it") {
    to.take(quick, to.all.size());
  }
  SUBCASE("again after it has caught up") {
    to.take(quick, 3 * mib);
    to.take(slow, 3 * mib);
    to.take(quick, 6 * mib);
    to.take(slow, 5 * mib);
    to.take(quick, to.all.size());
  }
  SUBCASE("and for what was the quicker") {
    to.take(slow, 3 * mib);
    to.take(quick, 6 * mib);
    to.take(quick, to.all.size());
  }
  to.take(slow, to.all.size());
  CHECK((quick.text == to.all));
  CHECK((slow.text == to.all));
}

// As on a disk that is full by then.
TEST_CASE("a recorded body goes on where the file has room for a part of it only") {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit unlimited{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &unlimited) == 0);
  const rlimit little{mib + 1000, unlimited.rlim_max};  // ends within a piece
  Spilling to(6 * mib);
  Spilling::Reader one;
  REQUIRE(setrlimit(RLIMIT_FSIZE, &little) == 0);
  to.start(one);
  to.let_write();
  to.turn_until_over(one);
  CHECK(setrlimit(RLIMIT_FSIZE, &unlimited) == 0);
  CHECK(one.text == to.all);
  CHECK_FALSE(to.recording.is_intact());
  CHECK(to.recording.has_no_room());
}

TEST_CASE("a recorded body is whole for who replays it while its file fails") {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit unlimited{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &unlimited) == 0);
  const rlimit little{1000, unlimited.rlim_max};
  Spilling to(6 * mib);
  Spilling::Reader one;
  REQUIRE(setrlimit(RLIMIT_FSIZE, &little) == 0);
  to.start(one);
  one.child.cancel();
  to.loop.settle();
  Spilling::Reader two;
  to.take(two, 1000);
  one.body = http::Body();
  to.let_write();
  while (!to.recording.has_no_room()) to.loop.turn(std::chrono::hours{1});
  CHECK(setrlimit(RLIMIT_FSIZE, &unlimited) == 0);
  CHECK_FALSE(to.recording.is_intact());
  to.take(two, to.all.size());
  CHECK((two.text == to.all));
}

}  // namespace
