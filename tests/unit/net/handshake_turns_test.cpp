#include "proxy/net/handshake_turns.hpp"

#include "proxy/base/event_loop.hpp"
#include "proxy/base/task_group.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace {

struct Turns {
  base::Task<> begin(int number) {
    co_await turns.next();
    begun.push_back(number);
  }
  void start(int count) {
    for (int i = 0; i < count; ++i) tasks.spawn(begin(next++)).release();
  }

  base::EventLoop loop;
  net::HandshakeTurns turns{loop};
  base::TaskGroup tasks{loop};
  std::vector<int> begun;
  int next = 0;
};

TEST_CASE_FIXTURE(Turns, "handshake turns: four begin in a turn, the others in those that follow") {
  start(10);
  CHECK(begun.size() == 4);
  loop.turn(base::Millis{0});  // its end
  loop.turn(base::Millis{0});
  CHECK(begun.size() == 8);
  start(3);  // two places of the next turn are taken
  CHECK(begun.size() == 10);
  loop.turn(base::Millis{0});
  CHECK(begun.size() == 12);
  loop.turn(base::Millis{0});
  CHECK(begun.size() == 13);
}

TEST_CASE_FIXTURE(Turns, "handshake turns: who leaves while it waits is forgotten") {
  start(4);
  {
    base::TaskGroup leaving(loop);
    leaving.spawn(begin(-1)).release();
    leaving.spawn(begin(-2)).release();
  }
  start(1);
  for (int i = 0; i < 3; ++i) loop.turn(base::Millis{0});
  CHECK(begun == std::vector{0, 1, 2, 3, 4});
}

}  // namespace
