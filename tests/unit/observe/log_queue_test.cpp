#include "proxy/observe/log_queue.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <thread>

namespace {

std::string drain(observe::LogQueue& queue) {
  std::string all;
  for (std::string_view text = queue.front(); !text.empty(); text = queue.front()) {
    all += text;
    queue.pop(text.size());
  }
  return all;
}

}  // namespace

TEST_CASE("log queue: what was written comes out, also over many blocks and in bits") {
  observe::LogQueue queue(1024 * 1024);
  std::string wanted, got;
  for (int i = 0; i < 100'000; ++i) {
    const std::string line = "line " + std::to_string(i) + "\n";
    queue.write(line);
    wanted += line;
    if (i % 1000 != 0) continue;
    const std::string_view some = queue.front().substr(0, 777);
    got += some;
    queue.pop(some.size());
    got += drain(queue);
  }
  got += drain(queue);
  CHECK(got == wanted);
  CHECK(queue.dropped() == 0);
}

TEST_CASE("log queue: a line that is larger than a block is whole") {
  observe::LogQueue queue(1024 * 1024);
  const std::string large(300'000, 'x');
  queue.write("before\n");
  queue.write(large);
  queue.write("behind\n");
  CHECK(drain(queue) == "before\n" + large + "behind\n");
}

TEST_CASE("log queue: however small its bound, what is read makes room") {
  observe::LogQueue queue(1);
  const std::string line(1000, 'x');
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(queue.write(line));
    REQUIRE(drain(queue) == line);
  }
}

TEST_CASE("log queue: beyond its bound lines are dropped and counted, and room comes back") {
  observe::LogQueue queue(128 * 1024);
  const std::string line(1000, 'x');
  for (int i = 0; i < 1000; ++i) queue.write(line);
  const std::uint64_t dropped = queue.dropped();
  CHECK(dropped > 0);
  CHECK(drain(queue).size() == (1000 - dropped) * line.size());
  queue.write(line);
  CHECK(queue.dropped() == dropped);
  CHECK(drain(queue) == line);
}

TEST_CASE("log queue: a writer and a reader in threads of their own") {
  observe::LogQueue queue(256 * 1024);
  constexpr int lines = 200'000;
  std::atomic<bool> has_ended{false};
  std::thread writer([&] {
    for (int i = 0; i < lines; ++i) queue.write(std::to_string(i) + "\n");
    has_ended = true;
  });
  std::uint64_t count = 0;
  int last = -1;
  bool is_in_order = true;
  std::string rest;
  for (bool is_last = false; !is_last;) {
    is_last = has_ended;
    rest += drain(queue);
    std::size_t begin = 0;
    for (std::size_t end = rest.find('\n'); end != rest.npos; end = rest.find('\n', begin)) {
      const int number = std::stoi(rest.substr(begin, end - begin));
      is_in_order = is_in_order && number > last;
      last = number;
      ++count;
      begin = end + 1;
    }
    rest.erase(0, begin);
  }
  writer.join();
  CHECK(is_in_order);
  CHECK(rest.empty());
  CHECK(count + queue.dropped() == lines);
}
