#include "proxy/server/worker.hpp"

#include <utility>

namespace server {

Worker::Worker(std::size_t index, Shared& shared) : index_(index), shared_(shared) {}

Worker::~Worker() {
  if (!thread_.joinable()) return;
  loop_.stop();
  thread_.join();
}

void Worker::start(Adoption first) {
  thread_ = std::thread([this, first = std::move(first)]() mutable { run(std::move(first)); });
  started_.wait();
}

void Worker::run(Adoption first) {
  Runtime runtime(loop_, index_, shared_);
  runtime.adopt(std::move(first));
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

}  // namespace server
