// Reads a fast flow in large batches: while more is sure to come, and comes fast, the kernel tells
// of it when there is much, or a millisecond later. Each wake-up costs as much as moving some 16
// KiB, and what is read together leaves together. Owned by a transport that has once waited for
// much, until that rests; before its descriptor is closed. The loop's thread.
#pragma once

#include "proxy/base/loop.hpp"

#include <cstddef>
#include <cstdint>

namespace net {

class Gathering final : base::Timer {
 public:
  // Who expects less is never made to wait.
  static constexpr int batch = 256 * 1024;

  Gathering(base::Loop& loop, int descriptor) : loop_(loop), descriptor_(descriptor) {}
  Gathering(const Gathering&) = delete;
  Gathering& operator=(const Gathering&) = delete;
  ~Gathering() { tell_from(1); }

  void was_read(std::size_t bytes);
  // A reader waits, and at least so many bytes are sure to come; 0 = nobody knows.
  void wait(std::uint64_t expected);

 private:
  void expired() override;
  bool is_fast() const;
  void tell_from(int bytes);

  base::Loop& loop_;
  const int descriptor_;
  int told_from_ = 1;     // bytes
  base::Time since_{};    // when what was read began to be counted
  std::size_t read_ = 0;  // bytes since
};

}  // namespace net
