#include "proxy/upstream/pooled_connection.hpp"

#include "proxy/upstream/pool.hpp"

#include <algorithm>
#include <utility>

namespace upstream {

void PooledConnection::join(Pool& pool, const Tenure& tenure) {
  pool_ = &pool;
  tenure_ = tenure;
  rest(longest_idle_);
}

std::unique_ptr<http::ClientStream> PooledConnection::open() {
  ++requests_;
  pool_->began();
  return open_stream();
}

void PooledConnection::stream_ended() {
  pool_->ended();
}

void PooledConnection::became_free() {
  if (pool_) pool_->became_free(*this);
}

void PooledConnection::learned_limit(std::uint32_t streams) {
  if (pool_) pool_->learned_limit(streams);
  became_free();
}

void PooledConnection::lost() {
  if (pool_ && !has_left_ && !is_draining_) pool_->lost(*this);
}

void PooledConnection::drain() {
  if (std::exchange(is_draining_, true)) return;
  if (pool_) pool_->drains(*this);
  if (streams() == 0) leave();
}

void PooledConnection::rest(base::Duration longest) {
  idle_until(loop_.now() + longest);
}

// An armed timer is moved only if it would come too late; else it looks again when it fires, so
// that an exchange on a kept connection costs no timer.
void PooledConnection::idle_until(base::Time until) {
  idle_until_ = std::min(until, tenure_.old_at);
  if (is_armed() && due_ <= idle_until_) return;
  due_ = idle_until_;
  loop_.arm(*this, due_);
}

void PooledConnection::expired() {
  if (streams() > 0) return;
  if (loop_.now() < idle_until_) return idle_until(idle_until_);
  leave();
}

void PooledConnection::leave() {
  if (std::exchange(has_left_, true) || !pool_) return;
  cancel();
  say_goodbye();
  loop_.reap_later(*this);
  pool_->remove(*this);
}

}  // namespace upstream
