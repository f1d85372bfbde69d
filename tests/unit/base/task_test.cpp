#include "proxy/base/task.hpp"

#include "proxy/base/event.hpp"
#include "proxy/base/task_group.hpp"
#include "proxy/base/within.hpp"

#include <doctest/doctest.h>

#include <memory>

namespace {

using base::Event;
using base::Loop;
using base::Millis;
using base::Task;
using base::TaskGroup;

// Counts how many of it are alive: what a frame holds is given back when the frame dies.
struct Held {
  explicit Held(int& alive) : count(alive) { ++count; }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() { --count; }
  int& count;
};

Task<int> number(int value) {
  co_return value;
}

Task<> sum_ready(int times, long& sum) {
  for (int i = 0; i < times; ++i) {
    const int one = co_await number(1);
    sum += one;
  }
}

Task<int> wait_for(Event& event, int value) {
  co_await event.wait();
  co_return value;
}

Task<> wait_many(Event& event, int times, int& seen) {
  for (int i = 0; i < times; ++i) {
    const int value = co_await wait_for(event, 1);
    seen += value;
  }
}

Task<> hold(Event& event, int& alive) {
  const Held held(alive);
  co_await event.wait();
}

Task<> hold_below(Event& event, int& alive) {
  const Held held(alive);
  co_await hold(event, alive);
}

TEST_CASE("a task does not start before it is awaited") {
  int alive = 0;
  Loop loop;
  Event event(loop);
  { const Task<> task = hold(event, alive); }
  CHECK(alive == 0);
}

TEST_CASE("a million ready tasks are awaited without growing the stack") {
  Loop loop;
  TaskGroup group(loop);
  long sum = 0;
  group.spawn(sum_ready(1'000'000, sum)).release();
  CHECK(sum == 1'000'000);
}

TEST_CASE("tasks that wait are resumed by the loop only") {
  Loop loop;
  TaskGroup group(loop);
  Event event(loop);
  int seen = 0;
  group.spawn(wait_many(event, 10'000, seen)).release();
  for (int i = 0; i < 10'000; ++i) {
    event.set();
    REQUIRE(seen == i);
    loop.settle();
    REQUIRE(seen == i + 1);
  }
  CHECK(group.empty());
}

TEST_CASE("destroying a child destroys all that its task awaits") {
  Loop loop;
  TaskGroup group(loop);
  Event event(loop);
  int alive = 0;
  {
    const base::Child child = group.spawn(hold_below(event, alive));
    CHECK(alive == 2);
    event.set();  // ready to run, but cancelled first
  }
  loop.settle();
  CHECK(alive == 0);
  CHECK(group.empty());
}

TEST_CASE("a group takes its tasks with it, started or ended") {
  Loop loop;
  Event event(loop);
  int alive = 0;
  {
    TaskGroup group(loop);
    group.spawn(hold_below(event, alive)).release();
    base::Child cancelled = group.spawn(sum_ready(1, *std::make_unique<long>(0)));
    cancelled.cancel();
  }
  CHECK(alive == 0);
  loop.settle();
}

Task<> cancel_itself(base::Child& self, Event& event, int& alive) {
  const Held held(alive);
  co_await event.wait();
  self.cancel();
  CHECK(alive == 1);  // not from inside its own call stack
  co_await event.wait();
  FAIL("a cancelled task ran on");
}

TEST_CASE("a task may cancel itself; it dies when the stack is empty") {
  Loop loop;
  TaskGroup group(loop);
  Event event(loop);
  int alive = 0;
  base::Child self;
  self = group.spawn(cancel_itself(self, event, alive));
  event.set();
  loop.settle();
  CHECK(alive == 0);
  event.set();
  loop.settle();
}

Task<> bounded(Event& event, base::Limit& limit, int& alive, int& result) {
  Task<int> work = wait_for(event, 7);
  const Held held(alive);
  const std::optional<int> done = co_await base::within(std::move(work), limit);
  result = done.value_or(-1);
}

TEST_CASE("a limit ends the task that it bounds") {
  Loop loop;
  TaskGroup group(loop);
  Event event(loop);
  int alive = 0;
  int result = 0;
  base::FixedLimit limit(loop, loop.now() + Millis{100});
  group.spawn(bounded(event, limit, alive, result)).release();
  loop.advance(Millis{99});
  CHECK(result == 0);
  SUBCASE("when it passes") {
    loop.advance(Millis{2});
    CHECK(result == -1);
    CHECK_FALSE(event.has_waiter());
  }
  SUBCASE("not when the task was done before") {
    event.set();
    loop.advance(Millis{500});
    CHECK(result == 7);
  }
  CHECK(alive == 0);
}

class Moving final : public base::Limit {
 public:
  explicit Moving(Loop& loop) : Limit(loop) {}
  base::Time due() const override { return at; }
  base::Time at = base::never;
};

TEST_CASE("a limit that moves is asked again") {
  Loop loop;
  TaskGroup group(loop);
  Event event(loop);
  int alive = 0;
  int result = 0;
  Moving limit(loop);
  limit.at = loop.now() + Millis{100};
  group.spawn(bounded(event, limit, alive, result)).release();
  for (int i = 0; i < 5; ++i) {
    loop.advance(Millis{60});
    limit.at = loop.now() + Millis{100};
  }
  CHECK(result == 0);
  loop.advance(Millis{101});
  CHECK(result == -1);
}

TEST_CASE("a limit may become earlier, if it says so") {
  Loop loop;
  TaskGroup group(loop);
  Event event(loop);
  int alive = 0;
  int result = 0;
  Moving limit(loop);
  SUBCASE("also from no bound at all") {}
  SUBCASE("from a later one") {
    limit.at = loop.now() + std::chrono::hours{1};
  }
  group.spawn(bounded(event, limit, alive, result)).release();
  loop.advance(Millis{50});
  limit.at = loop.now() + Millis{100};
  limit.may_be_earlier();
  loop.advance(Millis{99});
  CHECK(result == 0);
  loop.advance(Millis{2});
  CHECK(result == -1);
  CHECK(alive == 0);
}

TEST_CASE("one limit bounds one task after the other") {
  Loop loop;
  TaskGroup group(loop);
  Event event(loop);
  int alive = 0;
  int result = 0;
  Moving limit(loop);
  limit.at = loop.now() + Millis{100};
  group.spawn(bounded(event, limit, alive, result)).release();
  event.set();
  loop.settle();
  CHECK(result == 7);
  SUBCASE("also when it passed between them") {
    loop.advance(Millis{150});
  }
  SUBCASE("also when it became earlier between them") {
    limit.at = loop.now() + Millis{10};
    limit.may_be_earlier();
  }
  group.spawn(bounded(event, limit, alive, result)).release();
  loop.advance(Millis{12});
  CHECK(result == (limit.at <= loop.now() ? -1 : 7));
  limit.at = loop.now();
  loop.advance(Millis{150});
  CHECK(result == -1);
}

Task<int> sum_of_two(base::Begun<int>& begun) {
  const int first = co_await begun.result();
  co_return first * 2;
}

Task<> keep_result(Task<int> task, int& result) {
  result = co_await task;
}

TEST_CASE("a begun task goes on before anybody awaits it") {
  Loop loop;
  TaskGroup group(loop);
  Event event(loop);
  int result = 0;
  base::Begun<int> begun(wait_for(event, 7));
  SUBCASE("and may be done by then") {
    event.set();
    loop.settle();
    CHECK(begun.is_done());
    group.spawn(keep_result(sum_of_two(begun), result)).release();
  }
  SUBCASE("or is awaited again, when who awaited it is gone") {
    base::Child gone = group.spawn(keep_result(sum_of_two(begun), result));
    gone.cancel();
    loop.settle();
    SUBCASE("before it is done") {
      group.spawn(keep_result(sum_of_two(begun), result)).release();
      event.set();
      loop.settle();
    }
    SUBCASE("after it is done") {
      event.set();
      loop.settle();
      CHECK(result == 0);
      group.spawn(keep_result(sum_of_two(begun), result)).release();
    }
  }
  SUBCASE("or later") {
    group.spawn(keep_result(sum_of_two(begun), result)).release();
    CHECK(result == 0);
    event.set();
    loop.settle();
  }
  CHECK(result == 14);
}

Task<std::unique_ptr<int>> there_already(int value) {
  return std::make_unique<int>(value);
}

Task<> keep_what_is_there(base::Limit& limit, int& result) {
  const std::unique_ptr<int> first = co_await there_already(1);
  Task<std::unique_ptr<int>> moved = there_already(2);
  Task<std::unique_ptr<int>> last = std::move(moved);
  const auto second = co_await base::within(std::move(last), limit);
  result = *first * 10 + **second;
}

TEST_CASE("a value that is there already is awaited like any task") {
  Loop loop;
  TaskGroup group(loop);
  int result = 0;
  base::FixedLimit limit(loop, loop.now() + Millis{100});
  group.spawn(keep_what_is_there(limit, result)).release();
  CHECK(result == 12);
  CHECK(group.empty());
  CHECK(**there_already(3).value() == 3);
  CHECK(number(3).value() == nullptr);  // a coroutine does not start before it is awaited
  base::Begun<std::unique_ptr<int>> begun(there_already(4));
  CHECK(begun.is_done());
  CHECK(*begun.take() == 4);
}

TEST_CASE("an event remembers one set for the next wait") {
  Loop loop;
  TaskGroup group(loop);
  Event event(loop);
  int seen = 0;
  event.set();
  event.set();
  group.spawn(wait_many(event, 2, seen)).release();
  CHECK(seen == 1);
  event.set();
  loop.settle();
  CHECK(seen == 2);
}

}  // namespace
