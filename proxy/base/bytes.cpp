#include "proxy/base/bytes.hpp"

#include "proxy/base/memory_pressure.hpp"

#include <array>
#include <atomic>
#include <cstring>
#include <mutex>
#include <new>
#include <vector>

namespace base {
namespace {

using detail::Block;

struct SizeClass {
  std::size_t capacity;
  std::uint32_t most_kept;
};
constexpr std::array<SizeClass, 4> classes = {{
    {4 * 1024 - sizeof(Block), 256},
    {16 * 1024 - sizeof(Block), 64},
    {64 * 1024 - sizeof(Block), 32},
    {ReadBlock::capacity, 4},
}};

constexpr std::size_t most_when_short = classes[1].capacity;

std::size_t class_for(std::size_t capacity) {
  std::size_t index = 0;
  while (index < classes.size() && classes[index].capacity < capacity) ++index;
  return index;
}

// Of all threads, each off by less than that: for whoever asks often.
constexpr std::int64_t most_untold = 1024 * 1024;
std::atomic<std::int64_t> about_in_use{0};
std::atomic<std::int64_t> short_above{INT64_MAX};

// Counted by the thread that owns the pool, read by any.
struct Account {
  std::atomic<std::int64_t> in_use{0};
  std::int64_t untold = 0;  // since the sum of all threads heard of it

  void add(std::int64_t count) {
    in_use.store(in_use.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
    untold += count;
    if (untold > -most_untold && untold < most_untold) return;
    const std::int64_t before = about_in_use.fetch_add(untold, std::memory_order_relaxed);
    const bool is_short = before + untold > short_above.load(std::memory_order_relaxed);
    if (is_short) ReadBlock::spare_memory(true);  // until control finds that there is enough again
    untold = 0;
  }
};

struct Accounts {
  std::mutex mutex;
  std::vector<Account*> live;
  std::int64_t of_ended_threads = 0;
};

Accounts& accounts() {
  static Accounts all;
  return all;
}

struct Pool {
  struct Kept {
    Block* first = nullptr;
    std::uint32_t count = 0;
  };
  std::array<Kept, classes.size()> by_class;
  Account account;
  bool is_ended = false;

  Pool() {
    const std::lock_guard lock(accounts().mutex);
    accounts().live.push_back(&account);
  }
  ~Pool() {
    for (Kept& kept : by_class) {
      while (Block* block = kept.first) {
        kept.first = block->next;
        ::operator delete(block);
      }
    }
    is_ended = true;
    about_in_use.fetch_add(account.untold, std::memory_order_relaxed);
    const std::lock_guard lock(accounts().mutex);
    std::erase(accounts().live, &account);
    accounts().of_ended_threads += account.in_use.load();
  }
};

Pool& pool() {
  thread_local Pool of_thread;
  return of_thread;
}

}  // namespace

namespace detail {

Block* take_block(std::size_t capacity) {
  const std::size_t index = class_for(capacity);
  if (index < classes.size()) capacity = classes[index].capacity;
  Pool& mine = pool();
  mine.account.add(static_cast<std::int64_t>(capacity));
  if (index < classes.size() && mine.by_class[index].first) {
    Pool::Kept& kept = mine.by_class[index];
    Block* block = kept.first;
    kept.first = block->next;
    --kept.count;
    block->references = 1;
    return block;
  }
  void* memory = ::operator new(sizeof(Block) + capacity);
  return new (memory) Block{1, static_cast<std::uint32_t>(capacity), nullptr};
}

void give_back(Block* block) noexcept {
  Pool& mine = pool();
  if (mine.is_ended) return ::operator delete(block);
  mine.account.add(-static_cast<std::int64_t>(block->capacity));
  const std::size_t index = class_for(block->capacity);
#ifndef OUTRIDER_SANITIZED
  if (index < classes.size()) {
    Pool::Kept& kept = mine.by_class[index];
    if (kept.count < classes[index].most_kept) {
      block->next = kept.first;
      kept.first = block;
      ++kept.count;
      return;
    }
  }
#else
  (void)index;
#endif
  ::operator delete(block);
}

}  // namespace detail

std::size_t block_bytes_in_use() {
  const std::lock_guard lock(accounts().mutex);
  std::int64_t sum = accounts().of_ended_threads;
  for (const Account* account : accounts().live) sum += account->in_use.load();
  return sum > 0 ? static_cast<std::size_t>(sum) : 0;
}

void memory_is_short_above(std::size_t block_bytes) {
  short_above.store(block_bytes == 0 ? INT64_MAX : static_cast<std::int64_t>(block_bytes),
                    std::memory_order_relaxed);
}

bool memory_is_short() {
  return about_in_use.load(std::memory_order_relaxed) >
         short_above.load(std::memory_order_relaxed);
}

Bytes Bytes::copy_of(std::string_view text) {
  if (text.empty()) return {};
  detail::Block* block = detail::take_block(text.size());
  std::memcpy(block->data(), text.data(), text.size());
  return Bytes(block, block->data(), text.size());
}

void Bytes::compact() {
  if (!block_ || size_ >= block_->capacity / 2) return;
  const std::size_t fitting = class_for(size_);
  if (fitting < class_for(block_->capacity) || fitting == classes.size()) *this = copy_of(view());
}

bool Bytes::append(std::string_view more) {
  if (!block_ || block_->references != 1) return false;
  char* const end = block_->data() + (data_ - block_->data()) + size_;
  const auto room = static_cast<std::size_t>(block_->data() + block_->capacity - end);
  if (more.size() > room) return false;
  std::memcpy(end, more.data(), more.size());
  size_ += more.size();
  return true;
}

ReadBlock::~ReadBlock() {
  if (block_ && --block_->references == 0) detail::give_back(block_);
}

void ReadBlock::spare_memory(bool is_short) {
  most_.store(is_short ? most_when_short : capacity, std::memory_order_relaxed);
}

char* ReadBlock::prepare() {
  if (block_ && block_->references > 1) {
    --block_->references;
    block_ = nullptr;
  }
  if (!block_) block_ = detail::take_block(capacity);
  return block_->data();
}

Bytes ReadBlock::commit(std::size_t count) {
  ++block_->references;
  return Bytes(block_, block_->data(), count);
}

ReadBlock& ReadBlock::of_this_thread() {
  thread_local ReadBlock block;
  return block;
}

}  // namespace base
