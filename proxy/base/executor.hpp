// Threads beside the loops for what blocks: files, getaddrinfo. A job is a plain function that
// knows nothing of loops; its result comes back to the loop that asked, as a post. What waits is
// bounded, and no thread is started before there is something for it. Any thread. Destroyed before
// the loops that ask it: it then waits for the jobs that run, and drops those that do not yet.
//
//   auto stat = [path] { return state_of(path); };   // named first, see the coroutine rules
//   const std::optional<State> state = co_await executor.run(loop, stat);
#pragma once

#include "proxy/base/event.hpp"
#include "proxy/base/task.hpp"

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace base {

class Executor {
 public:
  explicit Executor(std::size_t threads = 1, std::size_t most_waiting = 64);
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;
  ~Executor();

  // False: too much waits already.
  [[nodiscard]] bool run(std::function<void()> job);

  // The job's result; nothing if too much waits already. Whoever is destroyed while it waits hears
  // no more of it; the job runs to its end. What the job holds dies in the loop's thread, if the
  // executor is destroyed there.
  template <typename Job> Task<std::optional<std::invoke_result_t<Job>>> run(Loop& loop, Job job);

 private:
  void serve();
  bool has_thread();

  const std::size_t most_threads_;
  const std::size_t most_waiting_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  std::size_t idle_ = 0;  // threads that wait for a job
  bool is_ending_ = false;
  std::vector<std::thread> threads_;
};

template <typename Job>
Task<std::optional<std::invoke_result_t<Job>>> Executor::run(Loop& loop, Job job) {
  struct Asked {
    Asked(Loop& by, Job&& what) : done(by), job(std::move(what)) {}
    Event done;
    Job job;
    std::optional<std::invoke_result_t<Job>> result;
  };
  auto asked = std::make_shared<Asked>(loop, std::move(job));  // not const: the loop is given it, no copy
  std::function<void()> work = [asked, &loop]() mutable {
    asked->result.emplace(asked->job());
    loop.post([asked = std::move(asked)] { asked->done.set(); });
  };
  const bool is_taken = run(std::move(work));
  if (!is_taken) co_return std::nullopt;
  co_await asked->done.wait();
  co_return std::move(asked->result);
}

}  // namespace base
