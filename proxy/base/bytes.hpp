// Bytes: a slice of a reference-counted block, copied without copying what it names. Blocks come
// from a pool per thread and stay on their thread: the counts are not atomic.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace base {

class Bytes;

namespace detail {

struct Block {
  std::uint32_t references;
  std::uint32_t capacity;
  Block* next;  // in the pool
  char* data() { return reinterpret_cast<char*>(this + 1); }
};

Block* take_block(std::size_t capacity);
void give_back(Block* block) noexcept;

}  // namespace detail

// Capacity of all blocks in use, on all threads. Any thread.
std::size_t block_bytes_in_use();

class Bytes {
 public:
  Bytes() = default;
  Bytes(const Bytes& other) : block_(other.block_), data_(other.data_), size_(other.size_) {
    if (block_) ++block_->references;
  }
  Bytes(Bytes&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)),
        data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  Bytes& operator=(Bytes other) noexcept {
    std::swap(block_, other.block_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Bytes() {
    if (block_ && --block_->references == 0) detail::give_back(block_);
  }

  static Bytes copy_of(std::string_view text);
  template <std::size_t size> static Bytes of_literal(const char (&text)[size]) {
    return Bytes(nullptr, text, size - 1);
  }

  const char* data() const { return data_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::string_view view() const { return {data_, size_}; }

  // What is empty then no longer holds its block.
  void remove_prefix(std::size_t count) {
    data_ += count;
    size_ -= count;
    if (size_ == 0) *this = Bytes();
  }
  // The first `count` bytes; they leave this one.
  Bytes take_prefix(std::size_t count) {
    Bytes prefix = *this;
    prefix.size_ = count;
    remove_prefix(count);
    return prefix;
  }
  Bytes slice(std::size_t offset, std::size_t count) const {
    Bytes part = *this;
    part.data_ += offset;
    part.size_ = count;
    return part;
  }
  // For whoever will hold these bytes for a while: copies them to a block of fitting size if they
  // hold less than half of theirs.
  void compact();
  // Appends in place, if nobody else has a part in the block and there is room in it.
  bool append(std::string_view more);
  // What holding these bytes costs: the capacity of their block.
  std::size_t cost() const { return block_ ? block_->capacity : 0; }

 private:
  friend class ReadBlock;
  Bytes(detail::Block* block, const char* data, std::size_t size)
      : block_(block), data_(data), size_(size) {}

  detail::Block* block_ = nullptr;
  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

// Where a thread's sockets are read into: one large block for all of them. What was read is a slice
// of it; a block that still has slices elsewhere at the next read is replaced by a fresh one.
class ReadBlock {
 public:
  static constexpr std::size_t capacity = 256 * 1024;

  ReadBlock() = default;
  ReadBlock(const ReadBlock&) = delete;
  ReadBlock& operator=(const ReadBlock&) = delete;
  ~ReadBlock();

  // How much one read is to bring: `capacity`, or little while memory is short, since what a slow
  // peer does not take is held. Any thread.
  static std::size_t most() { return most_.load(std::memory_order_relaxed); }
  static void spare_memory(bool is_short);

  // Room for one read: `capacity` bytes, valid until the next call.
  char* prepare();
  // The first `count` bytes of what prepare() gave.
  Bytes commit(std::size_t count);

  static ReadBlock& of_this_thread();

 private:
  static inline std::atomic<std::size_t> most_{capacity};

  detail::Block* block_ = nullptr;
};

}  // namespace base
