#include "tests/harness/program.hpp"

#include "proxy/base/time.hpp"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace harness {
namespace {

constexpr std::chrono::seconds longest_silence{30};

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::string new_file() {
  static std::atomic<int> count{0};
  return "/tmp/outrider-program." + std::to_string(::getpid()) + '.' + std::to_string(count++) +
         ".yaml";
}

std::vector<std::string> command_of(const std::string& file, const std::vector<std::string>& more) {
  std::vector<std::string> words = {outrider_binary(), "run", file};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::string written(const std::string& file, const std::string& yaml) {
  std::ofstream(file) << yaml;
  return file;
}

}  // namespace

Program::Program(std::vector<std::string> words, std::vector<std::string> environment,
                 const std::vector<int>& descriptors) {
  for (char** each = environ; *each; ++each) environment.emplace_back(*each);
  const std::vector<char*> arguments = pointers_to(words);
  const std::vector<char*> variables = pointers_to(environment);
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category());
  output_ = pipe[0];
  std::signal(SIGPIPE, SIG_IGN);  // a peer of TLS may write to who has ended
  id_ = group_ = ::fork();
  if (id_ == 0) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // as a Ctrl-C does not come to it
    std::signal(SIGPIPE, SIG_DFL);
    ::dup2(pipe[1], STDOUT_FILENO);
    ::dup2(pipe[1], STDERR_FILENO);
    std::vector<int> aside;  // where no dup2() of these comes
    for (const int descriptor : descriptors)
      aside.push_back(::fcntl(descriptor, F_DUPFD_CLOEXEC, 1000));
    int next = 3;
    for (const int descriptor : aside) ::dup2(descriptor, next++);
    ::execvpe(arguments[0], arguments.data(), variables.data());
    ::_exit(127);
  }
  ::setpgid(id_, id_);  // whoever of the two comes first
  ::close(pipe[1]);
}

Program::~Program() {
  if (group_ > 0) ::kill(-group_, SIGKILL);
  if (id_ > 0) ::waitpid(id_, nullptr, 0);
  ::close(output_);
}

void Program::signal(int number) const {
  if (id_ > 0) ::kill(id_, number);
}

// False: nobody says anything any more.
bool Program::read_some() {
  pollfd watched{output_, POLLIN, 0};
  if (::poll(&watched, 1, static_cast<int>(base::Millis(longest_silence).count())) == 0)
    throw Silence("the program says nothing; before: " + said_);
  char room[4096];
  const ssize_t count = ::read(output_, room, sizeof room);
  if (count <= 0) return false;
  said_.append(room, static_cast<std::size_t>(count));
  return true;
}

const std::string& Program::wait_for(std::string_view text) {
  while (said_.find(text) == said_.npos)
    if (!read_some()) throw Silence("not said: " + std::string(text) + "; but: " + said_);
  return said_;
}

void Program::wait_for_more() {
  if (!read_some()) throw Silence("nothing more is said; before: " + said_);
}

std::string Program::word_behind(std::string_view text) {
  wait_for(text);
  std::size_t end;
  const std::size_t begin = said_.find(text) + text.size();
  while ((end = said_.find_first_of(" ,:;\n", begin)) == said_.npos) read_some();
  while (said_[end] == ':' && said_[end + 1] != ' ') end = said_.find_first_of(" ,:;\n", end + 1);
  return said_.substr(begin, end - begin);
}

// Its output ends with it, or with those that it leaves behind.
int Program::wait() {
  const base::Time limit = base::Clock::now() + longest_silence;
  int status = 0;
  while (::waitpid(id_, &status, WNOHANG) != id_) {
    if (base::Clock::now() > limit) throw Silence("the program does not end; it said: " + said_);
    pollfd watched{output_, POLLIN, 0};
    if (::poll(&watched, 1, 10) > 0 && !(watched.revents & POLLHUP)) read_some();
  }
  id_ = -1;
  pollfd watched{output_, POLLIN, 0};
  while (::poll(&watched, 1, 0) > 0 && (watched.revents & POLLIN)) read_some();
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

Outrider::Outrider(const std::string& yaml, const std::vector<std::string>& more,
                   std::vector<std::string> environment, const std::vector<int>& descriptors)
    : file_(written(new_file(), yaml)),
      program_(command_of(file_, more), std::move(environment), descriptors) {}

Outrider::~Outrider() {
  ::unlink(file_.c_str());
}

void Outrider::write(const std::string& yaml) const {
  written(file_ + ".new", yaml);
  ::rename((file_ + ".new").c_str(), file_.c_str());
}

base::Address Outrider::address(const std::string& listener) {
  return *base::Address::parse(program_.word_behind("listener " + listener + " listening on "));
}

base::Address Outrider::admin() {
  return *base::Address::parse(program_.word_behind("admin listening on "));
}

std::string outrider_binary() {
  const char* named = std::getenv("OUTRIDER");
  return named ? named : OUTRIDER_BINARY;
}

}  // namespace harness
