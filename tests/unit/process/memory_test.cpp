#include "proxy/process/memory.hpp"

#include "proxy/base/bytes.hpp"

#include <doctest/doctest.h>

#include <string>

TEST_CASE("memory: blocks in use count to the byte") {
  process::MemoryUse use(1'000'000'000);
  const std::size_t before = use.look(base::Time{});
  const base::Bytes block = base::Bytes::copy_of(std::string(64 * 1024 * 1024, 'x'));
  CHECK(use.look(base::Time{}) >= before + block.size() / 2);
}
