// Memory for what lives as long as a request or less: coroutine frames, body sources, guards. Freed
// pieces are kept in lists by size, one set of lists per thread. A piece is given back on the thread
// that took it. Under sanitizers this is plain new and delete, so that they see every access.
#pragma once

#include <cstddef>
#include <memory>

namespace base {

void* pool_allocate(std::size_t size);
void pool_release(void* piece, std::size_t size) noexcept;

// A base class: objects of the derived class come from the pool.
class Pooled {
 public:
  static void* operator new(std::size_t size) { return pool_allocate(size); }
  static void operator delete(void* piece, std::size_t size) noexcept {
    pool_release(piece, size);
  }

 protected:
  ~Pooled() = default;
};

}  // namespace base
