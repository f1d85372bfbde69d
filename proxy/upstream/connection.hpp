// One open connection of a pool, whichever version of HTTP it speaks: when it may take an exchange,
// when it is too old to, and how it dies: never inside the call that ends it, but at the loop's next
// breath. Owned by its pool; the worker's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "proxy/base/event_loop.hpp"
#include "proxy/http/stream.hpp"

namespace upstream {

class Pool;

// How a pool came by it.
struct Origin {
  std::uint64_t serial = 0;  // counts up within the pool
  base::Duration connect_time{};
  base::Time old_at = base::never;   // takes no exchange from then on
  std::uint64_t most_requests = 0;   // 0 = any number
};

class Connection : base::Timer, base::Reapable {
 public:
  Connection(Pool& pool, base::Loop& loop, const Origin& origin)
      : pool_(pool), loop_(loop), origin_(origin) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  virtual ~Connection() = default;

  // How many exchanges it can take now; 0 also when it is about to close.
  virtual std::size_t free_streams() = 0;
  virtual std::unique_ptr<http::ClientStream> open() = 0;
  virtual std::uint32_t streams() const = 0;
  virtual bool is_h2() const = 0;
  // Tells the peer, as far as that can be done at once.
  virtual void say_goodbye() noexcept = 0;

  const Origin& origin() const { return origin_; }
  std::uint64_t requests() const { return requests_; }
  bool is_worn() const {
    return loop_.now() >= origin_.old_at ||
           (origin_.most_requests != 0 && requests_ >= origin_.most_requests);
  }
  // It is without an exchange and closes at `until` if nothing comes. A timer that is armed already is
  // not moved ahead: it looks when it fires.
  void idle_until(base::Time until);
  void die_later() { loop_.reap_later(*this); }

 protected:
  void began();
  void ended();
  void became_free();
  void is_of_no_use();
  base::Loop& loop() const { return loop_; }

  std::uint64_t requests_ = 0;

 private:
  void expired() final;
  void reap() noexcept final { delete this; }

  Pool& pool_;
  base::Loop& loop_;
  const Origin origin_;
  base::Time idle_until_ = base::never;
  base::Time due_ = base::never;  // of the timer, while it is armed
};

}  // namespace upstream
