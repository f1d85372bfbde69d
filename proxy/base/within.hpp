// Bounds a task in time: `auto done = co_await within(loop, work(), limit);` is the task's result, or
// nothing if the limit passed first; the task's frame is then destroyed. The limit is asked again
// whenever it seems to have passed, so one that moves (an idle timeout) needs no timer of its own for
// each move.
#pragma once

#include <optional>

#include "proxy/base/loop.hpp"
#include "proxy/base/task.hpp"

namespace base {

class Limit {
 public:
  virtual Time due() const = 0;  // as of now; `never` = not bounded (asked again once a second)
  virtual void has_passed() const {}  // told just before the task is destroyed

 protected:
  ~Limit() = default;
};

class FixedLimit final : public Limit {
 public:
  explicit FixedLimit(Time at) : at_(at) {}
  Time due() const override { return at_; }

 private:
  Time at_;
};

template <typename T>
class Within final : Timer {
 public:
  Within(Loop& loop, Task<T> task, const Limit& limit)
      : loop_(loop), task_(std::move(task)), limit_(limit) {}

  bool await_ready() { return task_->await_ready(); }
  void await_suspend(std::coroutine_handle<> awaiter) {
    resumption_.handle = awaiter;
    task_->await_suspend(awaiter);
    watch();
  }
  std::optional<T> await_resume() {
    cancel();
    if (has_expired_) {
      limit_.has_passed();
      task_.reset();
      return std::nullopt;
    }
    return task_->await_resume();
  }

 private:
  static constexpr Millis look_again{1000};

  void watch() {
    const Time due = limit_.due();
    loop_.arm(*this, due == never ? loop_.now() + look_again : due);
  }
  void expired() override {
    if (limit_.due() > loop_.now()) return watch();
    has_expired_ = true;
    loop_.wake(resumption_);
  }

  Loop& loop_;
  std::optional<Task<T>> task_;
  const Limit& limit_;
  Resumption resumption_;
  bool has_expired_ = false;
};

template <typename T>
[[nodiscard]] Within<T> within(Loop& loop, Task<T> task, const Limit& limit) {
  return Within<T>(loop, std::move(task), limit);
}

}  // namespace base
