#include "proxy/base/pieces.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <random>
#include <string>

using base::Bytes;
using base::Pieces;

TEST_CASE("pieces come out in the order they went in, however both are mixed") {
  std::mt19937 random(1);
  Pieces pieces;
  std::deque<std::string> expected;
  for (int i = 0; i < 10'000; ++i) {
    if (random() % 2 == 0 || expected.empty()) {
      expected.push_back(std::to_string(i));
      pieces.push(Bytes::copy_of(expected.back()));
    } else {
      CHECK(pieces.pop().view() == expected.front());
      expected.pop_front();
    }
    REQUIRE(pieces.empty() == expected.empty());
    if (expected.empty()) continue;
    CHECK(pieces.front().view() == expected.front());
    CHECK(pieces.back().view() == expected.back());
  }
}

TEST_CASE("pieces: what is cleared or taken holds no block") {
  const std::size_t before = base::block_bytes_in_use();
  Pieces pieces;
  for (int i = 0; i < 3; ++i) pieces.push(Bytes::copy_of("some text"));
  pieces.pop();
  pieces.clear();
  CHECK(pieces.empty());
  CHECK(base::block_bytes_in_use() == before);
  pieces.push(Bytes::copy_of("again"));
  CHECK(pieces.pop().view() == "again");
  CHECK(base::block_bytes_in_use() == before);
}
