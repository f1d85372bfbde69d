// The processes that this one has started, told of when they end. As process 1 it also reaps those
// that lost their parents, as nobody else would. Owned by control; its thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <sys/types.h>

namespace process {

class Children {
 public:
  // As waitpid() tells it.
  using Ended = std::function<void(int wait_status)>;

  void watch(pid_t child, Ended ended) { watched_[child] = std::move(ended); }
  void forget(pid_t child) { watched_.erase(child); }
  // Whenever SIGCHLD has come: several may have ended.
  void reap();

 private:
  void ended(pid_t child, int wait_status);

  std::map<pid_t, Ended> watched_;
};

// The exit status as a shell tells it: 128 + n after a signal.
int shell_status(int wait_status);
// "ended with status 3", "was ended by signal 9 (Killed)".
std::string in_words(int wait_status);

}  // namespace process
