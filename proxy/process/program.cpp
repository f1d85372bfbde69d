#include "proxy/process/program.hpp"

#include "proxy/base/descriptor.hpp"
#include "proxy/process/resources.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
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

// All that the child needs, made before there is one.
struct ChildSetup {
  const Program& program;
  std::vector<char*> words, variables;
  pid_t parent;
  rlimit descriptors;  // of Program::has_limit_of_start
  int says_why;        // a pipe's end, which closes as the program begins
};

void set_close_on_exec(int first) {
  if (::close_range(static_cast<unsigned>(first), ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  for (int each = first; each < static_cast<int>(limit.rlim_cur); ++each)
    ::fcntl(each, F_SETFD, FD_CLOEXEC);
}

// As a shell would leave them. Handlers go with exec, but must not run before it.
void reset_signals() {
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction action {};
    if (::sigaction(number, nullptr, &action) != 0) continue;
    const bool is_ignored_by_us = number == SIGPIPE || number == SIGXFSZ;
    if (action.sa_handler == SIG_DFL || (action.sa_handler == SIG_IGN && !is_ignored_by_us))
      continue;
    action = {};
    action.sa_handler = SIG_DFL;
    ::sigaction(number, &action, nullptr);
  }
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// False: the parent has gone already, and nobody would be told.
bool stand_alone(pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) return false;
  if (::isatty(STDIN_FILENO)) {  // a background group that read from it would be stopped
    const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nothing >= 0) ::dup2(nothing, STDIN_FILENO);
  }
  return true;
}

// In the child, which shares the parent's memory: system calls only.
[[noreturn, gnu::noinline]] void become(const ChildSetup& setup) {
  const Program& program = setup.program;
  int first = first_of_ours;
  if (program.handed_over == first_of_ours)
    ::fcntl(first_of_ours, F_SETFD, 0);
  else if (program.handed_over >= 0)
    ::dup2(program.handed_over, first_of_ours);
  if (program.handed_over >= 0) ++first;
  set_close_on_exec(first);
  if (program.has_limit_of_start) ::setrlimit(RLIMIT_NOFILE, &setup.descriptors);
  const bool goes_on = !program.stands_alone || stand_alone(setup.parent);
  reset_signals();
  if (goes_on) ::execvpe(setup.words.front(), setup.words.data(), setup.variables.data());
  const int problem = goes_on ? errno : ESRCH;
  [[maybe_unused]] const ssize_t written = ::write(setup.says_why, &problem, sizeof problem);
  ::_exit(127);
}

// What a program may expect to find: no number above 1024, say, or not to close a million.
rlimit limit_of_start() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::min<rlim_t>(descriptor_limit_at_start(), limit.rlim_max);
  return limit;
}

// While the child is not yet itself, nothing may happen to either.
class NoSignals {
 public:
  NoSignals() {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;
  ~NoSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

pid_t child_of(const ChildSetup& setup) {
  const NoSignals none;
  const pid_t child = ::vfork();
  if (child == 0) become(setup);
  return child;
}

Started failed(int problem) {
  return {-1, std::generic_category().message(problem)};
}

}  // namespace

Started start(const Program& program) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return failed(errno);
  const base::Descriptor hears(ends[0]);
  base::Descriptor says(ends[1]);  // not where the child finds what it is handed
  if (says.number() == first_of_ours)
    says = base::Descriptor(::fcntl(ends[1], F_DUPFD_CLOEXEC, first_of_ours + 1));
  if (!says) return failed(errno);
  const ChildSetup setup{program,
                         pointers_to(program.command),
                         pointers_to(program.environment),
                         ::getpid(),
                         limit_of_start(),
                         says.number()};
  const pid_t child = child_of(setup);
  if (child < 0) return failed(errno);
  says.reset();
  int problem = 0;
  if (::read(hears.number(), &problem, sizeof problem) != sizeof problem) return {child, {}};
  ::waitpid(child, nullptr, 0);
  return failed(problem);
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
