// One thread's turn: wake what is ready, fire timers, write what was queued, destroy what ended.
// Loop is the part without the operating system; tests drive it by hand (advance()). EventLoop adds
// sockets. Everything here is used by the loop's own thread only, but for post().
//
// Only the loop resumes coroutines: whoever wakes one appends its Resumption to the ready list.
#pragma once

#include "proxy/base/link.hpp"
#include "proxy/base/random.hpp"
#include "proxy/base/time.hpp"
#include "proxy/base/timer_wheel.hpp"

#include <atomic>
#include <coroutine>
#include <functional>
#include <mutex>
#include <vector>

namespace base {

// A suspended coroutine that something will wake; lives in its awaiter, so that a destroyed frame
// is out of every list.
struct Resumption : Link {
  std::coroutine_handle<> handle;
};

// Something with output to write when the turn ends.
class Flushable : public Link {
 public:
  virtual void flush() = 0;

 protected:
  ~Flushable() = default;
};

// Something to be destroyed as soon as no coroutine is on the stack.
class Reapable : public Link {
 public:
  virtual void reap() noexcept = 0;  // destroys itself

 protected:
  ~Reapable() = default;
};

class Loop {
 public:
  explicit Loop(Time start = Clock::now(), std::uint64_t seed = 1);
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  virtual ~Loop();

  Time now() const { return now_; }  // of this turn; the clock is read once a turn
  // The wall's time at a moment of this loop, reckoned without a look at the clock.
  WallTime wall(Time time) const {
    return wall_ + std::chrono::duration_cast<WallTime::duration>(time - anchor_);
  }
  Random& random() { return random_; }
  void arm(Timer& timer, Time due) { wheel_.arm(timer, due); }

  void wake(Resumption& waiter) { ready_.push_back(waiter); }
  void flush_later(Flushable& output) {
    if (!output.is_linked()) flushes_.push_back(output);
  }
  // Not from the destructor of what is handed in.
  void reap_later(Reapable& ended) {
    if (!ended.is_linked()) ended_.push_back(ended);
  }

  // Runs `action` in the loop's thread, in the order of the posts and with no coroutine on the
  // stack; it finds the present time in now(). Any thread. What has not run when the loop dies
  // never runs.
  void post(std::function<void()> action);

  // Suspends the caller until the next round, for fairness: co_await loop.yield();
  auto yield() {
    struct Awaiter {
      Loop& loop;
      Resumption waiter{};
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<> handle) {
        waiter.handle = handle;
        loop.wake(waiter);
      }
      void await_resume() const noexcept {}
    };
    return Awaiter{*this};
  }

  // For tests: time passes, and everything that follows happens.
  void advance(Duration by);
  // For tests: everything that is ready happens.
  void settle();

 protected:
  bool has_ready() const {
    return !ready_.empty() || !ended_.empty() || !flushes_.empty() ||
           has_posts_.load(std::memory_order_acquire);
  }
  void set_now(Time now) { now_ = now; }
  // From now on the wall's time is reckoned from here.
  void set_wall(Time steady, WallTime wall) {
    anchor_ = steady;
    wall_ = wall;
  }
  Time anchor() const { return anchor_; }
  virtual void wake_up() {}  // by any thread: something was posted, do not sleep on it
  void run_posts();          // those that have come so far
  void run_ready();          // bounded; what is left is for the next turn
  void run_timers() { wheel_.advance(now_); }
  void run_flushes();
  void reap();  // call whenever no coroutine is on the stack
  Time next_timer() const { return wheel_.next(); }

 private:
  Time now_;
  Time anchor_;
  WallTime wall_;  // at anchor_
  Random random_;
  TimerWheel wheel_;
  List<Resumption> ready_;
  List<Flushable> flushes_;
  List<Reapable> ended_;
  std::atomic<bool> has_posts_{false};
  std::mutex mutex_;  // of posts_
  std::vector<std::function<void()>> posts_;
};

}  // namespace base
