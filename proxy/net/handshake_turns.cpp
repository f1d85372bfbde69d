#include "proxy/net/handshake_turns.hpp"

namespace net {

bool HandshakeTurns::begin() {
  if (begun_ >= most_a_turn) return false;
  ++begun_;
  if (!is_linked()) loop_.flush_later(*this);
  return true;
}

// The turn ends: who waits first begins in the next one.
void HandshakeTurns::flush() {
  begun_ = 0;
  while (begun_ < most_a_turn && !waiting_.empty()) {
    loop_.wake(*waiting_.pop_front());
    ++begun_;
  }
  if (begun_ > 0) loop_.flush_later(*this);
}

}  // namespace net
