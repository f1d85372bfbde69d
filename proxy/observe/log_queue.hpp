// Lines on their way from one thread to another, in blocks that are filled one after the other and
// come back. Neither side waits, locks or asks the system for anything; what finds no room is
// dropped and counted by whoever writes. One thread writes, one reads.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace observe {

class LogQueue {
 public:
  // most: bytes that may wait, in whole blocks; at least two, since one comes back only once the writer
  // has gone on to another.
  explicit LogQueue(std::size_t most);
  LogQueue(const LogQueue&) = delete;
  LogQueue& operator=(const LogQueue&) = delete;
  ~LogQueue();

  // --- the writer ---
  bool write(std::string_view line);  // false: there was no room

  // --- the reader ---
  // Whole lines that wait, not always all; "" = there are none.
  std::string_view front();
  // Of front(), its first bytes.
  void pop(std::size_t size);

  // --- any thread ---
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t block_size = 64 * 1024;

  struct Block {
    explicit Block(std::size_t room) : capacity(room), bytes(new char[room]) {}
    const std::size_t capacity;
    std::atomic<std::size_t> filled{0};
    std::atomic<Block*> next{nullptr};  // once set, this one is complete
    std::size_t read = 0;               // the reader's
    std::unique_ptr<char[]> bytes;
  };

  Block* take_block(std::size_t least);
  void give_back(Block* block);

  const std::size_t most_;
  std::atomic<std::size_t> held_{0};    // capacity of all blocks
  std::atomic<Block*> spare_{nullptr};  // one that was read, for the writer
  Block* writing_;
  Block* reading_;
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace observe
