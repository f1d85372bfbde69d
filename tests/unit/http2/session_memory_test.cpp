#include "proxy/http2/session_memory.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <set>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

namespace {

constexpr std::size_t frame_buffer = 16'394;

TEST_CASE("h2 memory: what is asked for is there, in every size, and keeps what was written") {
  nghttp2_mem& memory = *http2::session_memory();
  for (const std::size_t size : {1UL, 4'096UL, 16'384UL, frame_buffer, 20'480UL, 20'481UL}) {
    CAPTURE(size);
    auto* it = static_cast<char*>(memory.realloc(nullptr, size, memory.mem_user_data));
    REQUIRE(it != nullptr);
    std::memset(it, 'x', size);
    for (const std::size_t larger : {size + 1, 4 * size, 20 * size}) {
      it = static_cast<char*>(memory.realloc(it, larger, memory.mem_user_data));
      REQUIRE(it != nullptr);
      CHECK(it[0] == 'x');
      CHECK(it[size - 1] == 'x');
      std::memset(it, 'x', larger);
    }
    memory.free(it, memory.mem_user_data);
  }
  memory.free(nullptr, memory.mem_user_data);
}

#ifndef OUTRIDER_SANITIZED
TEST_CASE("h2 memory: the buffers for frames do not overlap, and are used again") {
  nghttp2_mem& memory = *http2::session_memory();
  std::set<void*> first;
  for (int round = 0; round < 2; ++round) {
    std::vector<char*> all;
    for (int i = 0; i < 100; ++i) {
      all.push_back(static_cast<char*>(memory.malloc(frame_buffer, memory.mem_user_data)));
      std::memset(all.back(), i, frame_buffer);
    }
    for (int i = 0; i < 100; ++i) {
      CHECK(all[static_cast<std::size_t>(i)][0] == i);
      CHECK(all[static_cast<std::size_t>(i)][frame_buffer - 1] == i);
      if (round == 0) first.insert(all[static_cast<std::size_t>(i)]);
      if (round == 1) CHECK(first.count(all[static_cast<std::size_t>(i)]) == 1);
    }
    for (char* it : all) memory.free(it, memory.mem_user_data);
  }
}

bool has_pages(char* buffer) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  char* const begin = buffer - reinterpret_cast<std::uintptr_t>(buffer) % page;
  unsigned char state = 0;
  REQUIRE(::mincore(begin, page, &state) == 0);
  return state & 1;
}

TEST_CASE("h2 memory: after a rush the pages of most buffers are given back") {
  nghttp2_mem& memory = *http2::session_memory();
  std::vector<char*> all;
  for (int i = 0; i < 1'000; ++i) {
    all.push_back(static_cast<char*>(memory.malloc(frame_buffer, memory.mem_user_data)));
    all.back()[0] = 'x';
  }
  CHECK(std::count_if(all.begin(), all.end(), has_pages) == 1'000);
  for (char* it : all) memory.free(it, memory.mem_user_data);
  CHECK(std::count_if(all.begin(), all.end(), has_pages) <= 64);
}
#endif

}  // namespace
