#include "proxy/base/bytes.hpp"

#include "proxy/base/memory_pressure.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <string>

namespace {

using base::Bytes;
using base::ReadBlock;

TEST_CASE("slices share their block and give it back with the last of them") {
  const std::size_t before = base::block_bytes_in_use();
  {
    Bytes whole = Bytes::copy_of("hello world");
    CHECK(base::block_bytes_in_use() > before);
    const Bytes hello = whole.take_prefix(5);
    const Bytes middle = whole.slice(1, 3);
    whole = Bytes();
    CHECK(hello.view() == "hello");
    CHECK(middle.view() == "wor");
  }
  CHECK(base::block_bytes_in_use() == before);
}

TEST_CASE("memory is short as soon as blocks hold more than is said, and not any more when they go") {
  base::memory_is_short_above(base::block_bytes_in_use() + 3'000'000);
  CHECK(!base::memory_is_short());
  {
    const Bytes much = Bytes::copy_of(std::string(5'000'000, 'x'));
    CHECK(base::memory_is_short());
  }
  CHECK(!base::memory_is_short());
  CHECK(ReadBlock::most() < ReadBlock::capacity);
  ReadBlock::spare_memory(false);
  base::memory_is_short_above(0);
  const Bytes much = Bytes::copy_of(std::string(5'000'000, 'x'));
  CHECK(!base::memory_is_short());
}

TEST_CASE("a read block is used again only when nobody holds a slice of it") {
  ReadBlock block;
  std::memcpy(block.prepare(), "first", 5);
  Bytes first = block.commit(5);
  char* second_room = block.prepare();
  CHECK(second_room != first.data());
  std::memcpy(second_room, "other", 5);
  CHECK(first.view() == "first");
  { const Bytes second = block.commit(5); }
  CHECK(block.prepare() == second_room);
}

TEST_CASE("whoever holds little of a large block can let the block go") {
  ReadBlock block;
  std::memcpy(block.prepare(), "tiny", 4);
  Bytes tiny = block.commit(4);
  CHECK(tiny.cost() == ReadBlock::capacity);
  tiny.compact();
  CHECK(tiny.view() == "tiny");
  CHECK(tiny.cost() < 8192);
}

}  // namespace
