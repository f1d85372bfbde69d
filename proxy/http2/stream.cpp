#include "proxy/http2/stream.hpp"

namespace http2 {

using base::Bytes;

Bytes Stream::take_data() {
  return data_.pop();
}

// A reader that waits takes it within this turn: until then it may stay in the thread's read block.
void Stream::hold_data(Bytes piece) {
  if (ignores_data_) return;
  if (!readable.has_waiter()) {
    if (has_data() && data_.back().append(piece.view())) return;
    piece.compact();
  }
  data_.push(std::move(piece));
}

void Stream::ignore_data() {
  ignores_data_ = true;
  data_.clear();
}

void Stream::hold_output(Bytes piece) {
  if (held_output_ == 0) moved_at = writable.loop().now();
  held_output_ += piece.size();
  output_.push(std::move(piece));
}

void Stream::compact_output() {
  output_.compact();
}

}  // namespace http2
