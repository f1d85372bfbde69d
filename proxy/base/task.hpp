// The coroutine type. A Task does nothing until it is awaited (or spawned, see TaskGroup); awaiting
// starts it in place, and if it ends without waiting for anything the awaiter does not suspend.
// Destroying a suspended Task destroys its frame and with it all that it awaits: that is
// cancellation. Tasks carry no exceptions: errors are values, and an exception ends the process.
//
// One thread. Frames come from the pool. `co_await` is to stand only in the forms that g++ 12
// compiles correctly; a test looks for others.
#pragma once

#include "proxy/base/pool.hpp"

#include <cassert>
#include <coroutine>
#include <exception>
#include <optional>
#include <utility>
#include <variant>

namespace base {

template <typename T = void> class Task;

namespace detail {

class PromiseBase {
 public:
  static void* operator new(std::size_t size) { return pool_allocate(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { pool_release(frame, size); }

  struct Final {
    bool await_ready() const noexcept { return false; }
    // By symmetric transfer, so that a chain of completions needs no stack. Without a continuation
    // the task ended while it was being started: control goes back to the awaiter's await_ready.
    template <typename Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
      return ended.promise().continuation_;
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  Final final_suspend() const noexcept { return {}; }
  [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  void continue_with(std::coroutine_handle<> awaiter) { continuation_ = awaiter; }

 private:
  std::coroutine_handle<> continuation_ = std::noop_coroutine();
};

template <typename T> class Promise : public PromiseBase {
 public:
  Task<T> get_return_object();
  template <typename U> void return_value(U&& value) { value_.emplace(std::forward<U>(value)); }
  T take() { return std::move(*value_); }

 private:
  std::optional<T> value_;
};

template <> class Promise<void> : public PromiseBase {
 public:
  Task<void> get_return_object();
  void return_void() const noexcept {}
  void take() const noexcept {}
};

}  // namespace detail

// A coroutine that gives a T; or a T that is there already, for which no frame is made: what a
// plain function returns that seldom has to wait.
template <typename T> class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Task(Handle frame) : state_(std::in_place_index<0>, frame) {}
  Task(T value) : state_(std::in_place_index<1>, std::move(value)) {}
  Task(Task&& other) noexcept : state_(std::move(other.state_)) { other.forget_frame(); }
  Task& operator=(Task&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~Task() {
    if (const Handle* made = frame(); made && *made) made->destroy();
  }

  // Null = it may have to be waited for.
  T* value() { return std::get_if<1>(&state_); }

  bool await_ready() const {
    const Handle* made = frame();
    if (!made) return true;
    made->resume();
    return made->done();
  }
  void await_suspend(std::coroutine_handle<> awaiter) const {
    frame()->promise().continue_with(awaiter);
  }
  T await_resume() {
    if (T* there = value()) return std::move(*there);
    assert(frame()->done());
    return frame()->promise().take();
  }
  bool is_done() const { return !frame() || frame()->done(); }

 private:
  const Handle* frame() const { return std::get_if<0>(&state_); }
  void forget_frame() {
    if (Handle* moved = std::get_if<0>(&state_)) *moved = nullptr;
  }

  std::variant<Handle, T> state_;
};

template <> class [[nodiscard]] Task<void> {
 public:
  using promise_type = detail::Promise<void>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Task(Handle frame) : frame_(frame) {}
  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(frame_, other.frame_);
    return *this;
  }
  ~Task() {
    if (frame_) frame_.destroy();
  }

  bool await_ready() const {
    frame_.resume();
    return frame_.done();
  }
  void await_suspend(std::coroutine_handle<> awaiter) const {
    frame_.promise().continue_with(awaiter);
  }
  void await_resume() const { assert(frame_.done()); }
  bool is_done() const { return frame_.done(); }

 private:
  Handle frame_;
};

// A task that was started before anybody awaits it, and goes on meanwhile, also when who awaited it
// is destroyed: then another may. Its result is taken once.
template <typename T> class [[nodiscard]] Begun {
 public:
  explicit Begun(Task<T> task) : task_(std::move(task)) { (void)task_.await_ready(); }

  bool is_done() const { return task_.is_done(); }
  T take() { return task_.await_resume(); }  // once it is done

  struct Awaiter {
    explicit Awaiter(Begun& awaited) : begun(awaited) {}
    Awaiter(const Awaiter&) = delete;
    Awaiter& operator=(const Awaiter&) = delete;
    ~Awaiter() {
      if (is_waiting) begun.task_.await_suspend(std::noop_coroutine());
    }
    bool await_ready() const { return begun.is_done(); }
    void await_suspend(std::coroutine_handle<> awaiter) {
      is_waiting = true;
      begun.task_.await_suspend(awaiter);
    }
    T await_resume() {
      is_waiting = false;
      return begun.take();
    }

    Begun& begun;
    bool is_waiting = false;
  };
  [[nodiscard]] Awaiter result() { return Awaiter(*this); }

 private:
  Task<T> task_;
};

namespace detail {

template <typename T> Task<T> Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}

inline Task<void> Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

}  // namespace detail

}  // namespace base
