#include "proxy/net/gathering.hpp"

#include <sys/socket.h>

#include <utility>

namespace net {
namespace {

constexpr base::Millis longest_wait{1};  // for a batch; what comes more slowly is not fast

}  // namespace

void Gathering::was_read(std::size_t bytes) {
  const base::Time now = loop_.now();
  if (now >= since_ + longest_wait) {
    since_ = now;
    read_ = 0;
  }
  read_ += bytes;
}

bool Gathering::is_fast() const {
  return told_from_ > 1 || (read_ >= batch && loop_.now() < since_ + longest_wait);
}

void Gathering::wait(std::uint64_t expected) {
  const bool waits = expected >= batch && is_fast();
  tell_from(waits ? batch : 1);
  if (waits) loop_.arm(*this, loop_.now() + longest_wait);
}

// The kernel tells at once if there is already so much.
void Gathering::tell_from(int bytes) {
  if (std::exchange(told_from_, bytes) != bytes)
    setsockopt(descriptor_, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes);
}

// It does not come fast any more, or nobody waits for it.
void Gathering::expired() { tell_from(1); }

}  // namespace net
