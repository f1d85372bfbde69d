#include "proxy/observe/log_queue.hpp"

#include <algorithm>
#include <cstring>

namespace observe {

LogQueue::LogQueue(std::size_t most)
    : most_(std::max(most, 2 * block_size)), writing_(take_block(0)), reading_(writing_) {}

LogQueue::~LogQueue() {
  delete spare_.load();
  while (reading_) {
    Block* const next = reading_->next.load();
    delete reading_;
    reading_ = next;
  }
}

bool LogQueue::write(std::string_view line) {
  std::size_t filled = writing_->filled.load(std::memory_order_relaxed);
  if (line.size() > writing_->capacity - filled) {
    Block* const fresh = take_block(line.size());
    if (!fresh) {
      dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      return false;
    }
    writing_->next.store(fresh, std::memory_order_release);
    writing_ = fresh;
    filled = 0;
  }
  std::memcpy(writing_->bytes.get() + filled, line.data(), line.size());
  writing_->filled.store(filled + line.size(), std::memory_order_release);
  return true;
}

// Null if so much waits already.
LogQueue::Block* LogQueue::take_block(std::size_t least) {
  if (Block* const spare = spare_.exchange(nullptr, std::memory_order_acquire)) {
    if (spare->capacity >= least) return spare;
    held_.fetch_sub(spare->capacity, std::memory_order_relaxed);
    delete spare;
  }
  const std::size_t room = std::max(least, block_size);
  if (held_.load(std::memory_order_relaxed) + room > most_) return nullptr;
  held_.fetch_add(room, std::memory_order_relaxed);
  return new Block(room);
}

std::string_view LogQueue::front() {
  for (;;) {
    const std::size_t filled = reading_->filled.load(std::memory_order_acquire);
    if (filled > reading_->read)
      return {reading_->bytes.get() + reading_->read, filled - reading_->read};
    Block* const next = reading_->next.load(std::memory_order_acquire);
    if (!next) return {};
    // It was complete before its successor was seen.
    if (reading_->filled.load(std::memory_order_acquire) > reading_->read) continue;
    Block* const done = reading_;
    reading_ = next;
    give_back(done);
  }
}

void LogQueue::pop(std::size_t size) {
  reading_->read += size;
}

void LogQueue::give_back(Block* block) {
  block->filled.store(0, std::memory_order_relaxed);
  block->next.store(nullptr, std::memory_order_relaxed);
  block->read = 0;
  Block* const other = spare_.exchange(block, std::memory_order_acq_rel);
  if (!other) return;
  held_.fetch_sub(other->capacity, std::memory_order_relaxed);
  delete other;
}

}  // namespace observe
