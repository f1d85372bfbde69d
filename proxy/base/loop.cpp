#include "proxy/base/loop.hpp"

#include <utility>

namespace base {
namespace {

constexpr int most_rounds = 4;  // of the ready list in one turn, before sockets are looked at again

}  // namespace

Loop::Loop(Time start, std::uint64_t seed)
    : now_(start),
      anchor_(start),
      wall_(std::chrono::system_clock::now()),
      random_(seed),
      wheel_(start) {}

Loop::~Loop() {
  reap();
}

void Loop::post(std::function<void()> action) {
  bool is_first = false;
  {
    const std::lock_guard lock(mutex_);
    is_first = posts_.empty();
    posts_.push_back(std::move(action));
    has_posts_.store(true, std::memory_order_release);
  }
  if (is_first) wake_up();
}

void Loop::run_posts() {
  if (!has_posts_.load(std::memory_order_acquire)) return;
  std::vector<std::function<void()>> batch;
  {
    const std::lock_guard lock(mutex_);
    batch.swap(posts_);
    has_posts_.store(false, std::memory_order_relaxed);
  }
  for (std::function<void()>& action : batch) {
    action();
    action = nullptr;  // what it held goes before the next runs
    reap();
  }
}

void Loop::run_ready() {
  reap();
  for (int round = 0; round < most_rounds && !ready_.empty(); ++round) {
    List<Resumption> batch;
    batch.take(ready_);
    while (Resumption* waiter = batch.pop_front()) {
      waiter->handle.resume();
      reap();
    }
  }
}

void Loop::run_flushes() {
  List<Flushable> batch;
  batch.take(flushes_);
  while (Flushable* output = batch.pop_front()) output->flush();
  reap();
}

void Loop::reap() {
  while (Reapable* ended = ended_.pop_front()) ended->reap();
}

void Loop::settle() {
  do {
    run_posts();
    run_ready();
    run_flushes();
  } while (has_ready());
}

void Loop::advance(Duration by) {
  const Time target = now_ + by;
  settle();
  while (next_timer() <= target) {
    now_ = next_timer() > now_ ? next_timer() : now_;
    wheel_.advance(now_);
    settle();
  }
  now_ = target;
  wheel_.advance(now_);
  settle();
}

}  // namespace base
