// The tasks that belong to one owner (a worker, a connection, an exchange), all on its thread.
// Destroying the group destroys their suspended frames: nothing outlives its owner, and nothing has
// to be awaited.
#pragma once

#include "proxy/base/loop.hpp"
#include "proxy/base/task.hpp"

namespace base {

class TaskGroup;

namespace detail {

// The coroutine at the bottom of a spawned task.
struct Root {
  class promise_type;
  using Handle = std::coroutine_handle<promise_type>;
};

}  // namespace detail

// Names one spawned task. Destroying it ends the task; release() leaves the task to its group.
class [[nodiscard]] Child {
 public:
  Child() = default;
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child() { cancel(); }

  bool is_running() const { return root_ != nullptr; }
  // Nothing of the task runs again. Its frame dies as soon as no coroutine is on the stack, so a
  // task may cancel itself.
  void cancel();
  void release();

 private:
  friend class TaskGroup;
  friend class detail::Root::promise_type;
  explicit Child(detail::Root::promise_type* root);
  detail::Root::promise_type* root_ = nullptr;
};

class TaskGroup final : Reapable {
 public:
  explicit TaskGroup(Loop& loop) : loop_(loop) {}
  ~TaskGroup() { cancel_all(); }  // from the loop, never from inside one of its tasks

  // Starts the task in place: it has run to its first suspension when this returns.
  Child spawn(Task<> task);
  // Destroys all frames at once; from the loop, never from inside one of its tasks.
  void cancel_all();
  bool empty() const { return roots_.empty(); }
  Loop& loop() const { return loop_; }

 private:
  friend class Child;
  friend class detail::Root::promise_type;
  void reap() noexcept override;

  Loop& loop_;
  List<detail::Root::promise_type> roots_;
  List<detail::Root::promise_type> ended_;  // cancelled or complete, their frames not yet destroyed
};

namespace detail {

class Root::promise_type final : public PromiseBase, public Link {
 public:
  struct End {
    bool await_ready() const noexcept { return false; }
    void await_suspend(Handle ended) const noexcept { ended.promise().end(); }
    void await_resume() const noexcept {}
  };

  Handle get_return_object() { return Handle::from_promise(*this); }
  End final_suspend() const noexcept { return {}; }
  void return_void() const noexcept {}
  void destroy() noexcept { Handle::from_promise(*this).destroy(); }

  // Leaves its Child; the loop will have the group destroy it.
  void end() noexcept;

  TaskGroup* group = nullptr;
  Child* child = nullptr;
};

}  // namespace detail
}  // namespace base
