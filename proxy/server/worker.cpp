#include "proxy/server/worker.hpp"

#include "proxy/base/executor.hpp"

#include <utility>

namespace server {
namespace {

constexpr std::size_t most_waiting_for_files = 1024;

}  // namespace

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
  base::Executor executor(1, most_waiting_for_files);
  Runtime runtime(loop_, executor, index_, shared_);
  runtime.adopt(std::move(first));
  runtime_ = &runtime;
  started_.count_down();
  loop_.run();
  runtime_ = nullptr;
}

void Worker::post(std::function<void(Runtime&)> action) {
  loop_.post([this, action = std::move(action)]() mutable {
    actions_.push_back(std::move(action));
    act();
  });
}

void Worker::adopt(Adoption adoption, std::function<void()> done) {
  const auto next = std::make_shared<Adoption>(std::move(adoption));
  post([this, next, done = std::move(done)](Runtime& runtime) {
    runtime.adopt_in_turns(std::move(*next), [this, done] {
      done();
      act();
    });
  });
}

void Worker::act() {
  while (runtime_ && !actions_.empty() && !runtime_->is_adopting()) {
    const std::function<void(Runtime&)> action = std::move(actions_.front());
    actions_.pop_front();
    action(*runtime_);
  }
}

}  // namespace server
