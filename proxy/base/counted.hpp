// Counted references to what belongs to one thread: the count is not atomic. Whatever nobody refers
// to any more is told so, and decides for itself how it goes.
#pragma once

#include <cassert>
#include <cstdint>
#include <utility>

namespace base {

class Counted {
 public:
  Counted() = default;
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

  bool is_used() const { return references_ > 0; }
  // For Ref.
  void hold() noexcept { ++references_; }
  void let_go() noexcept {
    if (--references_ == 0) unused();
  }

 protected:
  ~Counted() { assert(!is_used()); }

 private:
  // Somewhere in the stack of whoever let go of it: not the place to destroy what may be running.
  virtual void unused() noexcept = 0;

  std::uint32_t references_ = 0;
};

// One reference, or none. T derives from Counted.
template <typename T> class Ref {
 public:
  Ref() = default;
  explicit Ref(T& target) : target_(&target) { target_->hold(); }
  Ref(const Ref& other) : target_(other.target_) {
    if (target_) target_->hold();
  }
  Ref(Ref&& other) noexcept : target_(std::exchange(other.target_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(target_, other.target_);
    return *this;
  }
  ~Ref() {
    if (target_) target_->let_go();
  }

  explicit operator bool() const { return target_ != nullptr; }
  T& operator*() const { return *target_; }
  T* operator->() const { return target_; }
  T* target() const { return target_; }

 private:
  T* target_ = nullptr;
};

}  // namespace base
