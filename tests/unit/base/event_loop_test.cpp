#include "proxy/base/event_loop.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "proxy/base/event.hpp"
#include "proxy/base/task_group.hpp"

namespace {

using base::EventLoop;
using base::Millis;

struct Pair {
  Pair() { REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0); }
  ~Pair() {
    for (const int end : ends)
      if (end >= 0) ::close(end);
  }
  int ends[2];
};

struct Recorder final : base::Poller::Watch {
  void on_events(std::uint32_t seen) override {
    events |= seen;
    ++calls;
    if (loop) loop->stop();
  }
  EventLoop* loop = nullptr;
  std::uint32_t events = 0;
  int calls = 0;
};

TEST_CASE("the loop tells a watch what became ready, once an edge") {
  EventLoop loop;
  Pair pair;
  Recorder recorder;
  const int slot = loop.poller().add(pair.ends[0], recorder);
  loop.turn(Millis{0});
  CHECK(recorder.events == EPOLLOUT);
  REQUIRE(::send(pair.ends[1], "x", 1, 0) == 1);
  loop.turn(Millis{1000});
  CHECK((recorder.events & EPOLLIN) != 0);
  const int calls = recorder.calls;
  loop.turn(Millis{0});
  CHECK(recorder.calls == calls);
  loop.poller().remove(slot, pair.ends[0]);
  REQUIRE(::send(pair.ends[1], "x", 1, 0) == 1);
  loop.turn(Millis{0});
  CHECK(recorder.calls == calls);
}

struct Remover final : base::Poller::Watch {
  void on_events(std::uint32_t) override {
    ++calls;
    for (int i = 0; i < 2; ++i) loop->poller().remove(slots[i], descriptors[i]);
  }
  EventLoop* loop = nullptr;
  int slots[2] = {};
  int descriptors[2] = {};
  int calls = 0;
};

TEST_CASE("an event for a watch that was removed in the same batch reaches nobody") {
  EventLoop loop;
  Pair pair;
  Remover remover;
  remover.loop = &loop;
  for (int i = 0; i < 2; ++i) {
    remover.descriptors[i] = pair.ends[i];
    remover.slots[i] = loop.poller().add(pair.ends[i], remover);
  }
  loop.turn(Millis{0});
  CHECK(remover.calls == 1);
}

TEST_CASE("posts, timers and sockets all wake a loop that runs in a thread") {
  EventLoop loop;
  Pair pair;
  Recorder recorder;
  recorder.loop = &loop;
  bool was_posted = false;
  std::thread thread([&] { loop.run(); });
  loop.post([&] {
    was_posted = true;
    loop.poller().add(pair.ends[0], recorder, EPOLLIN | EPOLLET);
    REQUIRE(::send(pair.ends[1], "x", 1, 0) == 1);
  });
  thread.join();
  CHECK(was_posted);
  CHECK(recorder.calls == 1);
}

TEST_CASE("what is posted after a long wait finds the present time") {
  EventLoop loop;
  const base::Time posted = base::Clock::now();
  base::Time seen{};
  loop.post([&] { seen = loop.now(); });
  loop.turn(Millis{0});
  CHECK(seen >= posted);
}

base::Task<> nap(EventLoop& loop, Millis length, base::Time& woke) {
  co_await base::sleep_until(loop, loop.now() + length);
  woke = loop.now();
  loop.stop();
}

TEST_CASE("a sleeping task is woken by the clock, not before its time") {
  EventLoop loop;
  base::TaskGroup group(loop);
  base::Time woke{};
  const base::Time start = loop.now();
  group.spawn(nap(loop, Millis{20}, woke)).release();
  loop.run();
  CHECK(woke >= start + Millis{20});
}

TEST_CASE("the wall's time goes with the loop's") {
  base::Loop loop(base::Time{} + Millis{500});
  const base::WallTime start = loop.wall(loop.now());
  loop.advance(Millis{1500});
  CHECK(loop.wall(loop.now()) - start == Millis{1500});
  CHECK(loop.wall(loop.now() - Millis{1500}) == start);
}

}  // namespace
