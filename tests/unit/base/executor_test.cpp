#include "proxy/base/executor.hpp"

#include "proxy/base/event_loop.hpp"
#include "proxy/base/task_group.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>

namespace {

using base::EventLoop;
using base::Executor;
using base::Loop;

TEST_CASE("a hand-driven loop runs what was posted when it settles, in order, without a clock") {
  Loop loop(base::Time{});
  std::string order;
  loop.post([&] {
    order += 'a';
    loop.post([&] { order += 'c'; });
  });
  loop.post([&] { order += 'b'; });
  CHECK(order.empty());
  loop.settle();
  CHECK(order == "abc");
  loop.post([&] { order += 'd'; });
  loop.advance(base::Millis{1});
  CHECK(order == "abcd");
}

TEST_CASE("posts of many threads all arrive, each thread's in its order") {
  EventLoop loop;
  constexpr int threads = 4, posts = 1000;
  int next[threads] = {};
  int came = 0;
  bool is_in_order = true;
  std::vector<std::thread> posting;
  for (int t = 0; t < threads; ++t)
    posting.emplace_back([&, t] {
      for (int i = 0; i < posts; ++i)
        loop.post([&, t, i] {
          is_in_order = is_in_order && next[t]++ == i;
          if (++came == threads * posts) loop.stop();
        });
    });
  loop.run();
  for (std::thread& each : posting) each.join();
  CHECK(came == threads * posts);
  CHECK(is_in_order);
}

base::Task<> ask(Loop& loop, Executor& executor, std::optional<std::thread::id>& by, bool& came) {
  const auto job = [] { return std::this_thread::get_id(); };
  by = co_await executor.run(loop, job);
  came = true;
}

TEST_CASE("an executor runs a job in a thread of its own, and the asker goes on in its loop") {
  EventLoop loop;
  Executor executor;
  base::TaskGroup tasks(loop);
  std::optional<std::thread::id> by;
  bool came = false;
  tasks.spawn(ask(loop, executor, by, came)).release();
  CHECK_FALSE(came);
  while (!came) loop.turn(std::chrono::hours{1});
  REQUIRE(by);
  CHECK(*by != std::this_thread::get_id());
}

base::Task<> ask_often(EventLoop& loop, Executor& executor, int& elsewhere, bool& is_over) {
  const auto mine = std::this_thread::get_id();
  for (int i = 0; i < 1000; ++i) {
    const std::shared_ptr<int> held(new int(i), [&elsewhere, mine](int* number) {
      if (std::this_thread::get_id() != mine) ++elsewhere;
      delete number;
    });
    const auto job = [held] { return *held; };
    const auto answer = co_await executor.run(loop, job);
    CHECK(answer);
  }
  is_over = true;
}

TEST_CASE("what a job holds dies in the thread of who asked") {
  EventLoop loop;
  int elsewhere = 0;
  bool is_over = false;
  base::TaskGroup tasks(loop);
  {
    Executor executor;
    tasks.spawn(ask_often(loop, executor, elsewhere, is_over)).release();
    while (!is_over) loop.turn(std::chrono::hours{1});
  }
  CHECK(elsewhere == 0);
}

TEST_CASE("an executor refuses what finds too much waiting") {
  EventLoop loop;
  base::TaskGroup tasks(loop);
  std::promise<void> runs, may_end;
  Executor executor(1, 1);
  REQUIRE(executor.run([&] {
    runs.set_value();
    may_end.get_future().wait();
  }));
  runs.get_future().wait();
  REQUIRE(executor.run([] {}));
  std::optional<std::thread::id> by;
  bool came = false;
  tasks.spawn(ask(loop, executor, by, came)).release();
  CHECK(came);
  CHECK_FALSE(by);
  may_end.set_value();
}

TEST_CASE("who asked an executor and has gone is not missed") {
  EventLoop loop;
  std::promise<void> may_end, last;
  Executor executor;
  std::optional<std::thread::id> by;
  bool came = false;
  REQUIRE(executor.run([&] { may_end.get_future().wait(); }));
  {
    base::TaskGroup tasks(loop);
    tasks.spawn(ask(loop, executor, by, came)).release();
  }
  REQUIRE(executor.run([&] { last.set_value(); }));
  may_end.set_value();
  last.get_future().wait();
  loop.turn(base::Millis{0});
  CHECK_FALSE(came);
}

}  // namespace
