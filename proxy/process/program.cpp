#include "proxy/process/program.hpp"

#include "proxy/process/resources.hpp"

#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <optional>
#include <spawn.h>
#include <sys/resource.h>
#include <system_error>
#include <unistd.h>

namespace process {
namespace {

constexpr int first_of_ours = 3;

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// What the child does before it becomes the program.
class Preparation {
 public:
  explicit Preparation(int handed_over) {
    posix_spawn_file_actions_init(&files_);
    posix_spawnattr_init(&attributes_);
    const int kept = handed_over >= 0 ? 1 : 0;
    if (kept > 0) posix_spawn_file_actions_adddup2(&files_, handed_over, first_of_ours);
    posix_spawn_file_actions_addclosefrom_np(&files_, first_of_ours + kept);
    sigset_t none, ignored;
    sigemptyset(&none);
    sigemptyset(&ignored);
    sigaddset(&ignored, SIGPIPE);  // that this process ignores
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &ignored);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  Preparation(const Preparation&) = delete;
  Preparation& operator=(const Preparation&) = delete;
  ~Preparation() {
    posix_spawn_file_actions_destroy(&files_);
    posix_spawnattr_destroy(&attributes_);
  }
  const posix_spawn_file_actions_t* files() const { return &files_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t files_{};
  posix_spawnattr_t attributes_{};
};

// While a child is made, which inherits it: the limit of descriptors as this process found it. A
// program may expect no number above 1024, or close all that there could be.
class FormerLimit {
 public:
  FormerLimit() {
    if (::getrlimit(RLIMIT_NOFILE, &raised_) != 0) return;
    rlimit former = raised_;
    former.rlim_cur = std::min<rlim_t>(descriptor_limit_at_start(), raised_.rlim_max);
    is_lowered_ = ::setrlimit(RLIMIT_NOFILE, &former) == 0;
  }
  FormerLimit(const FormerLimit&) = delete;
  FormerLimit& operator=(const FormerLimit&) = delete;
  ~FormerLimit() {
    if (is_lowered_) ::setrlimit(RLIMIT_NOFILE, &raised_);
  }

 private:
  rlimit raised_{};
  bool is_lowered_ = false;
};

}  // namespace

Started start(const Program& program) {
  const Preparation preparation(program.handed_over);
  const std::vector<char*> words = pointers_to(program.command);
  const std::vector<char*> variables = pointers_to(program.environment);
  Started started;
  std::optional<FormerLimit> former;
  if (program.has_limit_of_start) former.emplace();
  const int problem = ::posix_spawnp(&started.child, words.front(), preparation.files(),
                                     preparation.attributes(), words.data(), variables.data());
  if (problem != 0) started = {-1, std::generic_category().message(problem)};
  return started;
}

std::vector<std::string> environment_without(const std::vector<std::string_view>& names) {
  std::vector<std::string> kept;
  for (char** each = environ; *each; ++each) {
    const std::string_view variable = *each;
    const std::string_view name = variable.substr(0, variable.find('='));
    if (std::find(names.begin(), names.end(), name) == names.end()) kept.emplace_back(variable);
  }
  return kept;
}

}  // namespace process
