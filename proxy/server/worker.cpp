#include "proxy/server/worker.hpp"

#include "proxy/server/runtime.hpp"

namespace server {

Worker::Worker(int index, const Plan& plan, Shared& shared)
    : index_(index), plan_(plan), shared_(shared) {
  for (std::size_t i = 0; i < plan.listeners.size(); ++i)
    counts_.push_back(std::make_unique<ListenerCounts>());
}

Worker::~Worker() {
  if (!thread_.joinable()) return;
  loop_.stop();
  thread_.join();
}

void Worker::start() {
  thread_ = std::thread([this] { run(); });
  started_.wait();
}

void Worker::run() {
  Runtime runtime(loop_, index_, plan_, shared_, counts_);
  runtime_ = &runtime;
  started_.count_down();
  loop_.run();
  runtime_ = nullptr;
}

void Worker::post(std::function<void(Runtime&)> action) {
  loop_.post([this, action = std::move(action)] {
    if (runtime_) action(*runtime_);
  });
}

std::int64_t Worker::exchanges(bool is_outbound) const {
  std::int64_t count = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i)
    if (plan_.listeners[i].is_outbound() == is_outbound)
      count += counts_[i]->exchanges.load(std::memory_order_relaxed);
  return count;
}

}  // namespace server
