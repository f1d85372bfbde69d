// Bounds tasks in time: `auto done = co_await within(work(), limit);` is the task's result, or
// nothing if the limit passed first; the task's frame is then destroyed. A limit may bound one task
// after the other and keeps its one timer armed meanwhile, so that a bounded task costs the wheel
// nothing.
#pragma once

#include "proxy/base/loop.hpp"
#include "proxy/base/task.hpp"

#include <cassert>
#include <optional>
#include <utility>

namespace base {

// Bounds one task at a time. It may move: later whenever it likes, for it is asked again when its
// timer fires; earlier, also from `never`, only if it says so by may_be_earlier(). One thread.
class Limit : Timer {
 public:
  explicit Limit(Loop& loop) : loop_(loop) {}
  Limit(const Limit&) = delete;
  Limit& operator=(const Limit&) = delete;

  virtual Time due() const = 0;  // as of now; `never` = not bounded
  virtual void has_passed() {}   // told just before the task is destroyed
  void may_be_earlier() {
    if (waiter_ || is_armed()) watch();
  }

 protected:
  virtual ~Limit() = default;
  Loop& loop() const { return loop_; }

 private:
  template <typename T> friend class Within;

  void wait(Resumption& waiter) {
    assert(!waiter_);
    waiter_ = &waiter;
    if (!is_armed()) watch();
  }
  void stop_waiting() { waiter_ = nullptr; }
  void watch() { loop_.arm(*this, due()); }
  void expired() final {
    const Time at = due();
    if (at > loop_.now()) return loop_.arm(*this, at);
    if (waiter_) loop_.wake(*std::exchange(waiter_, nullptr));
  }

  Loop& loop_;
  Resumption* waiter_ = nullptr;  // of the task that is bounded now; null once it was woken
};

class FixedLimit final : public Limit {
 public:
  FixedLimit(Loop& loop, Time at) : Limit(loop), at_(at) {}
  Time due() const override { return at_; }

 private:
  Time at_;
};

template <typename T> class Within final {
 public:
  Within(Task<T> task, Limit& limit) : task_(std::move(task)), limit_(limit) {}
  Within(const Within&) = delete;
  Within& operator=(const Within&) = delete;
  ~Within() { limit_.stop_waiting(); }

  bool await_ready() { return task_->await_ready(); }
  void await_suspend(std::coroutine_handle<> awaiter) {
    resumption_.handle = awaiter;
    task_->await_suspend(awaiter);
    is_waiting_ = true;
    limit_.wait(resumption_);
  }
  std::optional<T> await_resume() {
    if (is_waiting_ && !limit_.waiter_) {  // it passed
      limit_.has_passed();
      task_.reset();
      return std::nullopt;
    }
    limit_.stop_waiting();
    return task_->await_resume();
  }

 private:
  std::optional<Task<T>> task_;
  Limit& limit_;
  Resumption resumption_;
  bool is_waiting_ = false;
};

template <typename T> [[nodiscard]] Within<T> within(Task<T> task, Limit& limit) {
  return Within<T>(std::move(task), limit);
}

}  // namespace base
