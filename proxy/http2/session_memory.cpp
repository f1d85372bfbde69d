#include "proxy/http2/session_memory.hpp"

#include "proxy/base/pool.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <sys/mman.h>
#include <vector>

namespace http2 {
namespace {

#ifdef OUTRIDER_SANITIZED
constexpr bool has_pages = false;  // sanitizers look after what is malloc's
#else
constexpr bool has_pages = true;
#endif
constexpr std::size_t table_size = 4 * 1024;  // as nghttp2 makes it at first; one page
constexpr std::size_t least_buffer = 16 * 1024;
constexpr std::size_t buffer_size = 20 * 1024;
constexpr std::size_t slot_size = table_size + buffer_size;
constexpr std::size_t most_warm = 64;  // free ones that keep their pages: 1.5 MB
constexpr std::size_t most_slots = 16 * 1024;  // address space; resident is what was written
constexpr std::size_t most_pooled = 1024;  // what a stream and a frame are made of is less

// Pages for one session each, from address space that nothing else uses.
class Slots {
 public:
  Slots() {
    if (!has_pages) return;
    constexpr int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void* const got = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (got == MAP_FAILED) return;
    ::madvise(got, size, MADV_NOHUGEPAGE);
    begin_ = static_cast<char*>(got);
  }

  // Null: there is none left.
  char* take() {
    const std::scoped_lock lock(mutex_);
    for (std::vector<char*>* free : {&warm_, &cold_}) {
      if (free->empty()) continue;
      char* const it = free->back();
      free->pop_back();
      return it;
    }
    return begin_ && used_ < most_slots ? begin_ + slot_size * used_++ : nullptr;
  }
  void give_back(char* it) {
    const std::scoped_lock lock(mutex_);
    if (warm_.size() < most_warm) return warm_.push_back(it);
    ::madvise(it, slot_size, MADV_DONTNEED);
    cold_.push_back(it);
  }

 private:
  static constexpr std::size_t size = slot_size * most_slots;

  char* begin_ = nullptr;
  std::mutex mutex_;
  std::size_t used_ = 0;
  std::vector<char*> warm_;  // free, the one used last at the end
  std::vector<char*> cold_;  // likewise, their pages given back
};

// Never destroyed: sessions may end after it would be.
Slots& slots() {
  static auto* const all = new Slots;
  return *all;
}

// Stands before each piece that does not lie in the session's pages: whoever gives it back does not
// say its size.
struct alignas(std::max_align_t) Preface {
  std::size_t pooled;  // bytes, this included; 0 = it is malloc's
};

void* behind(void* got, std::size_t pooled) {
  return got ? new (got) Preface{pooled} + 1 : nullptr;
}

Preface* before(void* it) {
  return static_cast<Preface*>(it) - 1;
}

// Null when there is no memory: nothing may be thrown through nghttp2.
void* take(std::size_t size) {
  const std::size_t whole = sizeof(Preface) + size;
  if (whole > most_pooled) return behind(std::malloc(whole), 0);
  try {
    return behind(base::pool_allocate(whole), whole);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void* take_cleared(std::size_t size) {
  const std::size_t whole = sizeof(Preface) + size;
  if (whole > most_pooled) return behind(std::calloc(1, whole), 0);
  void* const got = take(size);
  return got ? std::memset(got, 0, size) : nullptr;
}

void give_back(void* it) {
  if (!it) return;
  Preface* const all = before(it);
  if (all->pooled == 0)
    std::free(all);
  else
    base::pool_release(all, all->pooled);
}

void* take_larger(void* it, std::size_t size) {
  const std::size_t pooled = before(it)->pooled;
  if (pooled == 0) return behind(std::realloc(before(it), sizeof(Preface) + size), 0);
  const std::size_t room = pooled - sizeof(Preface);
  if (size <= room) return it;
  void* const larger = take(size);
  if (!larger) return nullptr;
  std::memcpy(larger, it, room);
  give_back(it);
  return larger;
}

}  // namespace

struct SessionMemory::Calls {
  static SessionMemory& of(void* user) { return *static_cast<SessionMemory*>(user); }

  static void* allocate(std::size_t size, void* user) {
    SessionMemory& memory = of(user);
    const bool fits = size >= least_buffer && size <= buffer_size;
    if (!memory.pages_ || memory.has_buffer_ || !fits) return take(size);
    memory.has_buffer_ = true;
    return memory.pages_ + table_size;
  }

  static void* allocate_cleared(std::size_t count, std::size_t size, void* user) {
    SessionMemory& memory = of(user);
    const bool fits = count > 1 && count * size == table_size;
    if (!memory.pages_ || memory.has_table_ || !fits) return take_cleared(count * size);
    memory.has_table_ = true;
    std::memset(memory.pages_, 0, table_size);
    return memory.pages_;
  }

  static void release(void* it, void* user) {
    SessionMemory& memory = of(user);
    if (memory.is_table(it))
      memory.has_table_ = false;
    else if (memory.is_buffer(it))
      memory.has_buffer_ = false;
    else
      give_back(it);
  }

  static void* reallocate(void* it, std::size_t size, void* user) {
    SessionMemory& memory = of(user);
    if (!it) return allocate(size, user);
    const std::size_t room = memory.is_table(it)    ? table_size
                             : memory.is_buffer(it) ? buffer_size
                                                    : 0;
    if (room == 0) return take_larger(it, size);
    if (size <= room) return it;
    void* const larger = take(size);
    if (!larger) return nullptr;
    std::memcpy(larger, it, room);
    release(it, user);
    return larger;
  }
};

SessionMemory::SessionMemory() : pages_(slots().take()) {}

SessionMemory::~SessionMemory() {
  if (pages_) slots().give_back(pages_);
}

nghttp2_mem SessionMemory::interface() {
  return {this, Calls::allocate, Calls::release, Calls::allocate_cleared, Calls::reallocate};
}

bool SessionMemory::is_buffer(const void* it) const {
  return pages_ && it == pages_ + table_size;
}

bool SessionMemory::holds_streams() const {
  return has_table_ && std::any_of(pages_, pages_ + table_size, [](char byte) { return byte != 0; });
}

void SessionMemory::rest() {
  if (pages_ && !holds_streams()) ::madvise(pages_, slot_size, MADV_DONTNEED);
}

}  // namespace http2
