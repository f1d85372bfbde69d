#include "proxy/base/executor.hpp"

#include <system_error>

namespace base {

Executor::Executor(std::size_t threads, std::size_t most_waiting)
    : most_threads_(threads), most_waiting_(most_waiting) {}

Executor::~Executor() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool Executor::run(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= most_waiting_ || !has_thread()) return false;
    waiting_.push_back(std::move(job));
  }
  changed_.notify_one();
  return true;
}

// One for what comes next, with the mutex held; false: there is none, and there cannot be.
bool Executor::has_thread() {
  if (idle_ > waiting_.size() || threads_.size() == most_threads_) return true;
  try {
    threads_.emplace_back([this] { serve(); });
  } catch (const std::system_error&) {
    return !threads_.empty();
  }
  return true;
}

void Executor::serve() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    changed_.wait(lock, [this] { return is_ending_ || !waiting_.empty(); });
    --idle_;
    if (is_ending_) return;
    std::function<void()> job = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    job();
    job = nullptr;
    lock.lock();
  }
}

}  // namespace base
