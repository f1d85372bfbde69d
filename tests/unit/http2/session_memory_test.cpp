#include "proxy/http2/session_memory.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

namespace {

constexpr std::size_t frame_buffer = 16'394;
constexpr std::size_t table_size = 4'096;

// As nghttp2 asks for it.
class Asked {
 public:
  char* bytes(std::size_t size) {
    return static_cast<char*>(calls_.malloc(size, calls_.mem_user_data));
  }
  char* table() {
    return static_cast<char*>(calls_.calloc(table_size / 16, 16, calls_.mem_user_data));
  }
  char* cleared(std::size_t size) {
    return static_cast<char*>(calls_.calloc(1, size, calls_.mem_user_data));
  }
  char* resized(char* it, std::size_t size) {
    return static_cast<char*>(calls_.realloc(it, size, calls_.mem_user_data));
  }
  void free(char* it) { calls_.free(it, calls_.mem_user_data); }
  void rest() { memory_.rest(); }

 private:
  http2::SessionMemory memory_;
  nghttp2_mem calls_ = memory_.interface();
};

bool is_all(const char* begin, std::size_t size, char what) {
  return std::all_of(begin, begin + size, [what](char each) { return each == what; });
}

TEST_CASE("h2 memory: what is asked for is there, in every size, and keeps what was written") {
  Asked memory;
  for (const std::size_t size : {1UL, 100UL, 1'008UL, 1'009UL, 4'096UL, 16'384UL, frame_buffer,
                                 20'480UL, 20'481UL}) {
    CAPTURE(size);
    char* it = memory.resized(nullptr, size);
    REQUIRE(it != nullptr);
    std::memset(it, 'x', size);
    for (const std::size_t larger : {size + 1, 4 * size, 20 * size}) {
      it = memory.resized(it, larger);
      REQUIRE(it != nullptr);
      CHECK(it[0] == 'x');
      CHECK(it[size - 1] == 'x');
      std::memset(it, 'x', larger);
    }
    it = memory.resized(it, size);
    CHECK(it[size - 1] == 'x');
    memory.free(it);
  }
  memory.free(nullptr);
}

TEST_CASE("h2 memory: what is asked for cleared is, whatever lay there before") {
  Asked memory;
  for (const std::size_t size : {24UL, 500UL, 1'008UL, 1'009UL, 9'000UL}) {
    CAPTURE(size);
    char* used = memory.bytes(size);
    std::memset(used, 'x', size);
    memory.free(used);
    char* cleared = memory.cleared(size);
    CHECK(is_all(cleared, size, '\0'));
    memory.free(cleared);
  }
}

TEST_CASE("h2 memory: sessions do not overlap, nor what one asks for twice") {
  for (int round = 0; round < 2; ++round) {
    std::vector<std::unique_ptr<Asked>> sessions;
    std::vector<char*> buffers;
    std::vector<char*> tables;
    for (int i = 0; i < 50; ++i) {
      sessions.push_back(std::make_unique<Asked>());
      for (int twice = 0; twice < 2; ++twice) {
        tables.push_back(sessions.back()->table());
        CHECK(is_all(tables.back(), table_size, 0));
        std::memset(tables.back(), 2 * i + twice, table_size);
        buffers.push_back(sessions.back()->bytes(frame_buffer));
        std::memset(buffers.back(), 2 * i + twice, frame_buffer);
      }
    }
    for (std::size_t i = 0; i < buffers.size(); ++i) {
      CHECK(is_all(tables[i], table_size, static_cast<char>(i)));
      CHECK(is_all(buffers[i], frame_buffer, static_cast<char>(i)));
      sessions[i / 2]->free(tables[i]);
      sessions[i / 2]->free(buffers[i]);
    }
  }
}

TEST_CASE("h2 memory: a rest leaves a table that holds something, and what is asked for then works") {
  Asked memory;
  char* const table = memory.table();
  char* const buffer = memory.bytes(frame_buffer);
  table[100] = 'x';
  std::memset(buffer, 'x', frame_buffer);
  memory.rest();
  CHECK(table[100] == 'x');
  CHECK(is_all(buffer, frame_buffer, 'x'));
  table[100] = 0;
  memory.rest();
  CHECK(is_all(table, table_size, 0));
#ifndef OUTRIDER_SANITIZED
  CHECK(is_all(buffer, frame_buffer, 0));
#endif
  std::memset(buffer, 'y', frame_buffer);
  table[0] = 'y';
  memory.rest();
  CHECK(is_all(buffer, frame_buffer, 'y'));
  memory.free(table);
  memory.free(buffer);
}

}  // namespace
