#include "proxy/upstream/connection.hpp"

#include <algorithm>
#include <utility>

#include "proxy/upstream/pool.hpp"

namespace upstream {

std::unique_ptr<http::ClientStream> Connection::open() {
  ++requests_;
  pool_.began();
  return open_stream();
}

void Connection::stream_ended() { pool_.ended(); }
void Connection::became_free() { pool_.became_free(*this); }

void Connection::drain() {
  if (std::exchange(is_draining_, true)) return;
  pool_.drains(*this);
  if (streams() == 0) leave();
}

// An armed timer is moved only if it would come too late; else it looks again when it fires, so that
// an exchange on a kept connection costs no timer.
void Connection::idle_until(base::Time until) {
  idle_until_ = std::min(until, origin_.old_at);
  if (is_armed() && due_ <= idle_until_) return;
  due_ = idle_until_;
  loop_.arm(*this, due_);
}

void Connection::expired() {
  if (streams() > 0) return;
  if (loop_.now() < idle_until_) return idle_until(idle_until_);
  leave();
}

void Connection::leave() {
  if (std::exchange(has_left_, true)) return;
  cancel();
  say_goodbye();
  loop_.reap_later(*this);
  pool_.remove(*this);
}

}  // namespace upstream
