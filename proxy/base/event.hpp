// Wakes the one coroutine that waits for it. A set() without a waiter is remembered for the next
// wait; several count as one. One thread.
#pragma once

#include "proxy/base/loop.hpp"

namespace base {

class Event {
 public:
  explicit Event(Loop& loop) : loop_(loop) {}

  void set() {
    if (waiter_) {
      if (!waiter_->resumption.is_linked()) loop_.wake(waiter_->resumption);
      waiter_->was_set = true;
    } else {
      is_set_ = true;
    }
  }
  void clear() { is_set_ = false; }
  bool has_waiter() const { return waiter_ != nullptr; }
  Loop& loop() const { return loop_; }

  struct Awaiter final : Timer {
    Awaiter(Event& waited_for, Time until) : event(waited_for), limit(until) {}
    ~Awaiter() {
      if (event.waiter_ == this) event.waiter_ = nullptr;
    }
    bool await_ready() {
      if (!event.is_set_) return false;
      event.is_set_ = false;
      was_set = true;
      return true;
    }
    void await_suspend(std::coroutine_handle<> handle) {
      assert(!event.waiter_);
      resumption.handle = handle;
      event.waiter_ = this;
      if (limit != never) event.loop_.arm(*this, limit);
    }
    bool await_resume() {
      cancel();
      if (event.waiter_ == this) event.waiter_ = nullptr;
      return was_set;
    }
    void expired() override {
      if (!resumption.is_linked()) event.loop_.wake(resumption);
    }

    Event& event;
    Time limit;
    Resumption resumption;
    bool was_set = false;
  };

  // true = set; false = the deadline came first.
  [[nodiscard]] Awaiter wait(Time until = never) { return Awaiter(*this, until); }

 private:
  Loop& loop_;
  Awaiter* waiter_ = nullptr;
  bool is_set_ = false;
};

// co_await sleep_until(loop, time);
struct Sleep final : Timer {
  Sleep(Loop& on, Time until) : loop(on), limit(until) {}
  bool await_ready() const { return limit <= loop.now(); }
  void await_suspend(std::coroutine_handle<> handle) {
    resumption.handle = handle;
    loop.arm(*this, limit);
  }
  void await_resume() const {}
  void expired() override { loop.wake(resumption); }

  Loop& loop;
  Time limit;
  Resumption resumption;
};

[[nodiscard]] inline Sleep sleep_until(Loop& loop, Time until) { return Sleep(loop, until); }

}  // namespace base
