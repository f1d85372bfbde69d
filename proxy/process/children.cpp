#include "proxy/process/children.hpp"

#include <cstring>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace process {

void Children::reap() {
  int status = 0;
  std::vector<pid_t> all;
  for (const auto& [child, unused] : watched_) all.push_back(child);
  for (const pid_t child : all)
    if (::waitpid(child, &status, WNOHANG) == child) ended(child, status);
  if (::getpid() != 1) return;
  for (pid_t child; (child = ::waitpid(-1, &status, WNOHANG)) > 0;) ended(child, status);
}

void Children::ended(pid_t child, int wait_status) {
  const auto found = watched_.find(child);
  if (found == watched_.end()) return;
  const Ended tell = std::move(found->second);
  watched_.erase(found);
  tell(wait_status);
}

int shell_status(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

std::string in_words(int wait_status) {
  if (!WIFSIGNALED(wait_status))
    return "ended with status " + std::to_string(WEXITSTATUS(wait_status));
  const int number = WTERMSIG(wait_status);
  const char* name = ::sigdescr_np(number);
  return "was ended by signal " + std::to_string(number) +
         (name ? " (" + std::string(name) + ')' : std::string());
}

}  // namespace process
