#include "proxy/http2/session_memory.hpp"

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <mutex>
#include <sys/mman.h>
#include <vector>

namespace http2 {
namespace {

#ifdef OUTRIDER_SANITIZED
constexpr bool has_slots = false;  // sanitizers look after what is malloc's
#else
constexpr bool has_slots = true;
#endif
constexpr std::size_t least_in_slot = 16 * 1024;
constexpr std::size_t slot_size = 20 * 1024;
constexpr std::size_t most_warm = 64;  // free ones that keep their pages: 1.3 MB
constexpr std::size_t most_slots = 16 * 1024;  // address space; resident is what was written

// Buffers of one size, from address space that nothing else uses. Those beyond it, or all if there
// is none, come from the heap.
class Slots {
 public:
  Slots() {
    constexpr int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void* const got = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (got == MAP_FAILED) return;
    ::madvise(got, size, MADV_NOHUGEPAGE);
    begin_ = static_cast<char*>(got);
  }

  bool owns(const void* it) const {
    const auto* const at = static_cast<const char*>(it);
    return begin_ && !std::less<>()(at, begin_) && std::less<>()(at, begin_ + size);
  }
  // Null: there is none left.
  void* take() {
    const std::scoped_lock lock(mutex_);
    for (std::vector<void*>* free : {&warm_, &cold_}) {
      if (free->empty()) continue;
      void* const it = free->back();
      free->pop_back();
      return it;
    }
    return begin_ && used_ < most_slots ? begin_ + slot_size * used_++ : nullptr;
  }
  void give_back(void* it) {
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
  std::vector<void*> warm_;  // free, the one used last at the end
  std::vector<void*> cold_;  // likewise, their pages given back
};

// Never destroyed: sessions may end after it would be.
Slots& slots() {
  static auto* const all = new Slots;
  return *all;
}

void* allocate(std::size_t size, void*) {
  if (has_slots && size >= least_in_slot && size <= slot_size) {
    if (void* const it = slots().take()) return it;
  }
  return std::malloc(size);
}

void release(void* it, void*) {
  if (slots().owns(it))
    slots().give_back(it);
  else
    std::free(it);
}

void* allocate_cleared(std::size_t count, std::size_t size, void*) {
  return std::calloc(count, size);
}

void* reallocate(void* it, std::size_t size, void* user) {
  if (!it) return allocate(size, user);
  if (!slots().owns(it)) return std::realloc(it, size);
  if (size <= slot_size) return it;
  void* const larger = std::malloc(size);
  if (!larger) return nullptr;
  std::memcpy(larger, it, slot_size);
  release(it, user);
  return larger;
}

}  // namespace

nghttp2_mem* session_memory() {
  static nghttp2_mem memory{nullptr, allocate, release, allocate_cleared, reallocate};
  return &memory;
}

}  // namespace http2
