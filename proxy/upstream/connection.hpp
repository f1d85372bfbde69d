// One open connection of a pool, whichever version of HTTP it speaks: when it may take an exchange,
// when it is too old to, and how it goes: never inside the call that ends it, but as soon as no
// coroutine is on the stack. Owned by its pool; the worker's thread.
#pragma once

#include <cstdint>
#include <memory>

#include "proxy/base/event_loop.hpp"
#include "proxy/http/stream.hpp"

namespace upstream {

class Pool;

// How a pool came by a connection, and how long it will use it.
struct Origin {
  std::uint64_t serial = 0;  // counts up within the pool
  base::Duration connect_time{};
  base::Time old_at = base::never;
  std::uint64_t most_requests = 0;  // 0 = any number
};

class Connection : base::Timer, base::Reapable {
 public:
  Connection(Pool& pool, base::Loop& loop, const Origin& origin)
      : pool_(pool), loop_(loop), origin_(origin) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  virtual ~Connection() = default;

  virtual bool is_h2() const = 0;
  // How many exchanges it can take now; 0 also when it is to close.
  virtual std::size_t free_streams() = 0;
  // It will soon say whether it can take more.
  virtual bool may_widen() const { return false; }
  virtual std::uint32_t streams() const = 0;  // exchanges on it
  std::unique_ptr<http::ClientStream> open();

  // Takes no exchange any more, finishes those it has, and then leaves its pool.
  void drain();
  bool is_draining() const { return is_draining_; }
  bool is_worn() const {
    return loop_.now() >= origin_.old_at ||
           (origin_.most_requests != 0 && requests_ >= origin_.most_requests);
  }
  // It has no exchange, and leaves at `until` if none comes.
  void idle_until(base::Time until);
  // Of no more use: its pool forgets it, and it is destroyed soon.
  void leave();
  bool has_left() const { return has_left_; }

  const Origin& origin() const { return origin_; }
  std::uint64_t requests() const { return requests_; }  // ever begun on it

 protected:
  virtual std::unique_ptr<http::ClientStream> open_stream() = 0;
  // Tells the peer, as far as that can be done at once.
  virtual void say_goodbye() noexcept = 0;
  void stream_ended();  // an exchange is over
  void became_free();   // it can take an exchange, more than before
  base::Loop& loop() const { return loop_; }

 private:
  void expired() final;
  void reap() noexcept final { delete this; }

  Pool& pool_;
  base::Loop& loop_;
  const Origin origin_;
  std::uint64_t requests_ = 0;
  base::Time idle_until_ = base::never;
  base::Time due_ = base::never;  // of the timer, while it is armed
  bool is_draining_ = false;
  bool has_left_ = false;
};

}  // namespace upstream
