#include "proxy/base/pool.hpp"

#include <array>
#include <cstdint>
#include <new>

namespace base {

#ifdef OUTRIDER_SANITIZED

void* pool_allocate(std::size_t size) { return ::operator new(size); }
void pool_release(void* piece, std::size_t) noexcept { ::operator delete(piece); }

#else

namespace {

// A heap hands out so much more than multiples of a step: nothing of a piece lies idle.
constexpr std::size_t step = 16;
constexpr std::size_t beyond = 8;
constexpr std::size_t largest = 4096;
constexpr std::uint32_t most_kept = 256;  // of one size

struct Piece {
  Piece* next;
};

struct Kept {
  Piece* first = nullptr;
  std::uint32_t count = 0;
};

// Without a destructor: else each look at them would ask whether they were made.
constinit thread_local std::array<Kept, largest / step + 1> kept_by_size;

struct Emptying {
  ~Emptying() {
    for (Kept& kept : kept_by_size) {
      while (Piece* piece = kept.first) {
        kept.first = piece->next;
        ::operator delete(piece);
      }
      kept.count = most_kept;  // what is still given back after this goes to the allocator
    }
  }
};

void* take_new(std::size_t size) {
  thread_local const Emptying at_end_of_thread;
  return ::operator new(size);
}

std::size_t index_of(std::size_t size) {
  return (size + step - 1 - beyond) / step;
}

}  // namespace

void* pool_allocate(std::size_t size) {
  if (size > largest) return ::operator new(size);
  const std::size_t index = index_of(size);
  Kept& kept = kept_by_size[index];
  if (Piece* piece = kept.first) {
    kept.first = piece->next;
    --kept.count;
    return piece;
  }
  return take_new(index * step + beyond);
}

void pool_release(void* piece, std::size_t size) noexcept {
  if (size <= largest) {
    Kept& kept = kept_by_size[index_of(size)];
    if (kept.count < most_kept) {
      kept.first = new (piece) Piece{kept.first};
      ++kept.count;
      return;
    }
  }
  ::operator delete(piece);
}

#endif

}  // namespace base
