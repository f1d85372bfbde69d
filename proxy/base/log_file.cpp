#include "proxy/base/log_file.hpp"

#include "proxy/base/system_cause.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <utility>

namespace base {
namespace {

constexpr int not_open = -1;

Error failed(boost::system::error_code cause) {
  return {Reason::internal, Fault::proxy, "the log cannot be written", cause};
}

int descriptor_of(const std::string& to) {
  if (to == "stdout") return STDOUT_FILENO;
  if (to == "stderr") return STDERR_FILENO;
  constexpr int flags = O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  const int descriptor = ::open(to.c_str(), flags | O_WRONLY, 0640);
  // A FIFO without a reader: as its own reader it can be opened, and keeps lines for one to come.
  if (descriptor < 0 && errno == ENXIO) return ::open(to.c_str(), flags | O_RDWR, 0640);
  return descriptor;
}

}  // namespace

Result<LogFile> LogFile::open(std::string to) {
  const int descriptor = descriptor_of(to);
  if (descriptor < 0)
    return Error{Reason::internal, Fault::proxy, "the log cannot be opened", system_cause()};
  return LogFile(std::move(to), descriptor);
}

LogFile::LogFile(std::string name, int descriptor)
    : name_(std::move(name)), descriptor_(descriptor), is_owned_(descriptor > STDERR_FILENO) {}

LogFile::LogFile(LogFile&& other) noexcept
    : name_(std::move(other.name_)),
      descriptor_(std::exchange(other.descriptor_, not_open)),
      is_owned_(std::exchange(other.is_owned_, false)) {}

LogFile& LogFile::operator=(LogFile&& other) noexcept {
  std::swap(name_, other.name_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(is_owned_, other.is_owned_);
  return *this;
}

LogFile::~LogFile() {
  if (is_owned_) ::close(descriptor_);
}

bool LogFile::is_ready(Millis within) const {
  pollfd writable{descriptor_, POLLOUT, 0};
  return ::poll(&writable, 1, static_cast<int>(within.count())) > 0;
}

// Standard output may be a pipe that others share, which is not to be made non-blocking: when it is
// ready it takes PIPE_BUF bytes without blocking (POSIX).
Result<std::size_t> LogFile::write(std::string_view text) {
  if (!is_owned_) text = text.substr(0, PIPE_BUF);
  for (;;) {
    const ssize_t count = ::write(descriptor_, text.data(), text.size());
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno == EAGAIN || errno == EWOULDBLOCK) return std::size_t{0};
    if (errno != EINTR) return failed(system_cause());
  }
}

}  // namespace base
