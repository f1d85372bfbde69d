// One open connection of a pool, whichever version of HTTP it speaks: when it may take an exchange,
// when it is too old to, and how it goes: never inside the call that ends it, but as soon as no
// coroutine is on the stack. Made by a Dialer, then owned by its pool; the worker's thread.
#pragma once

#include "proxy/base/loop.hpp"
#include "proxy/http/stream.hpp"

#include <cstdint>
#include <memory>

namespace upstream {

class Pool;

// How a pool came by a connection, and how long it will use it.
struct Tenure {
  std::uint64_t serial = 0;  // counts up within the pool
  base::Time since{};        // connected
  base::Duration connect_time{};
  base::Duration tls_time{};  // of that, the handshake
  base::Time old_at = base::never;
  std::uint64_t most_requests = 0;  // 0 = any number
};

class PooledConnection : base::Timer, base::Reapable {
 public:
  PooledConnection(base::Loop& loop, base::Duration longest_idle)
      : loop_(loop), longest_idle_(longest_idle) {}
  PooledConnection(const PooledConnection&) = delete;
  PooledConnection& operator=(const PooledConnection&) = delete;
  virtual ~PooledConnection() = default;

  // Before it has joined a pool it takes no exchange; it may have left by then.
  void join(Pool& pool, const Tenure& tenure);
  bool has_left() const { return has_left_; }

  virtual bool is_h2() const = 0;
  // How many exchanges it can take now; 0 also when it is to close.
  virtual std::size_t free_streams() = 0;
  // It takes none now, or not many, and will soon say whether it can take more.
  virtual bool may_widen() const { return false; }
  virtual std::uint32_t streams() const = 0;  // exchanges on it
  std::unique_ptr<http::ClientStream> open();

  // Takes no exchange any more, finishes those it has, and then leaves its pool.
  void drain();
  bool is_draining() const { return is_draining_; }
  bool is_worn() const {
    return loop_.now() >= tenure_.old_at ||
           (tenure_.most_requests != 0 && requests_ >= tenure_.most_requests);
  }
  // Of no more use: its pool forgets it, and it is destroyed soon.
  void leave();

  const Tenure& tenure() const { return tenure_; }
  std::uint64_t requests() const { return requests_; }  // ever begun on it

  // Its places in the pool.
  struct Available : base::Link {
    explicit Available(PooledConnection& of) : connection(of) {}
    PooledConnection& connection;
  };
  Available available{*this};
  std::size_t index = 0;

 protected:
  virtual std::unique_ptr<http::ClientStream> open_stream() = 0;
  // Tells the peer, as far as that can be done at once.
  virtual void say_goodbye() noexcept = 0;
  // An exchange is over; others may still be there.
  void stream_ended();
  // It has no exchange, and leaves after `longest` if none comes.
  void rest(base::Duration longest);
  // The peer has ended it, or takes nothing more on it.
  void lost();
  // It can take an exchange, more than before.
  void became_free();
  // The peer has said how many exchanges it allows at once.
  void learned_limit(std::uint32_t streams);
  base::Loop& loop() const { return loop_; }
  base::Duration longest_idle() const { return longest_idle_; }

 private:
  void expired() final;
  void reap() noexcept final { delete this; }
  void idle_until(base::Time until);

  base::Loop& loop_;
  const base::Duration longest_idle_;
  Pool* pool_ = nullptr;  // null until it has joined
  Tenure tenure_;
  std::uint64_t requests_ = 0;
  base::Time idle_until_ = base::never;
  base::Time due_ = base::never;  // of the timer, while it is armed
  bool is_draining_ = false;
  bool has_left_ = false;
};

}  // namespace upstream
