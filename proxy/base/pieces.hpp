// Pieces of a message in the order they came. Most messages are one piece: that lies within, and
// costs no allocation. A value; the thread of its Bytes.
#pragma once

#include "proxy/base/bytes.hpp"

#include <cstddef>
#include <utility>
#include <vector>

namespace base {

class Pieces {
 public:
  bool empty() const { return !has_first_ && next_ == behind_.size(); }

  Bytes& front() { return has_first_ ? first_ : behind_[next_]; }
  Bytes& back() { return next_ == behind_.size() ? first_ : behind_.back(); }

  void push(Bytes piece) {
    if (!empty()) return behind_.push_back(std::move(piece));
    first_ = std::move(piece);
    has_first_ = true;
  }
  Bytes pop() {
    if (std::exchange(has_first_, false)) return std::move(first_);
    Bytes piece = std::move(behind_[next_++]);
    if (next_ == behind_.size()) forget_taken();
    return piece;
  }
  void clear() {
    first_ = Bytes();
    has_first_ = false;
    forget_taken();
  }
  // What is held of large blocks is copied.
  void compact() {
    if (has_first_) first_.compact();
    for (std::size_t i = next_; i < behind_.size(); ++i) behind_[i].compact();
  }

 private:
  void forget_taken() {
    behind_.clear();
    next_ = 0;
  }

  Bytes first_;
  bool has_first_ = false;
  std::vector<Bytes> behind_;  // the first, from next_ on
  std::size_t next_ = 0;
};

}  // namespace base
