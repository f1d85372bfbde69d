// A file descriptor that somebody owns: closed when its owner goes. A value that moves; any thread.
#pragma once

#include <unistd.h>
#include <utility>

namespace base {

class Descriptor {
 public:
  Descriptor() = default;  // none
  // A negative number is none.
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  ~Descriptor() { reset(); }

  explicit operator bool() const { return number_ >= 0; }
  int number() const { return number_; }
  // Leaves errno as it is.
  void reset(int number = -1);
  // Whoever takes it closes it.
  [[nodiscard]] int release() { return std::exchange(number_, -1); }

 private:
  int number_ = -1;
};

// Of the same open file; none, and errno, if there cannot be another. No program inherits it.
Descriptor duplicate_of(const Descriptor& descriptor);

}  // namespace base
