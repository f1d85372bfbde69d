#include "proxy/observe/syslog.hpp"

#include "proxy/base/log.hpp"
#include "proxy/base/system_cause.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

namespace observe {
namespace {

constexpr std::string_view scheme = "syslog:";
constexpr std::string_view priority = "<190>1 ";  // local7.info, version 1
constexpr std::size_t longest_host = 255, longest_service = 48;
constexpr std::chrono::seconds between_tries{1};

// Visible ASCII, as many as the field may have; "-" for none.
std::string word_of(std::string_view text, std::size_t longest) {
  std::string word;
  for (const char c : text)
    if (c > ' ' && c <= '~' && word.size() < longest) word += c;
  return word.empty() ? "-" : word;
}

// None, and errno, if it cannot be.
base::Descriptor connected_to(const std::string& path) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, path.data(), std::min(path.size(), sizeof to.sun_path - 1));
  base::Descriptor made(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::connect(made.number(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0) return made;
  const int error = errno;
  made.reset();
  errno = error;
  return made;
}

bool is_lost(int error) {
  return error != EAGAIN && error != EWOULDBLOCK && error != ENOBUFS && error != EINTR;
}

}  // namespace

Syslog::Syslog(std::string path, std::string_view host, std::string_view service)
    : path_(std::move(path)),
      sender_(word_of(host, longest_host) + ' ' + word_of(service, longest_service) + ' ' +
              std::to_string(::getpid()) + " access - ") {}

std::string_view Syslog::path_in(std::string_view to) {
  return to.starts_with(scheme) ? to.substr(scheme.size()) : std::string_view();
}

Syslog::Trouble Syslog::trouble_with(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && !S_ISSOCK(status.st_mode))
    return {"is no socket", true};
  if (connected_to(path).number() >= 0) return {};
  const int error = errno;
  return {base::system_cause(error).message(), error == EPROTOTYPE};
}

bool Syslog::connect() {
  const base::Time now = base::Clock::now();
  if (now < next_try_) return false;
  socket_ = connected_to(path_);
  if (socket_.number() >= 0) return true;
  last_error_ = errno;
  next_try_ = now + between_tries;
  return false;
}

// A daemon that was started anew has another socket at the same path.
base::Result<bool> Syslog::send(std::string_view line) {
  std::string head(priority);
  head.append(base::timestamp()).append(" ").append(sender_);
  iovec parts[] = {{head.data(), head.size()},
                   {const_cast<char*>(line.data()), line.size()}};  // sendmsg only reads it
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = std::size(parts);
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (socket_.number() < 0 && !connect()) break;
    if (::sendmsg(socket_.number(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return true;
    last_error_ = errno;
    if (!is_lost(last_error_)) return false;
    if (last_error_ == EMSGSIZE) break;
    socket_.reset();
  }
  return base::Error{base::Reason::internal, base::Fault::proxy, "syslog takes no lines",
                     base::system_cause(last_error_)};
}

void Syslog::wait(base::Millis within) const {
  pollfd writable{socket_.number(), POLLOUT, 0};
  ::poll(&writable, 1, static_cast<int>(within.count()));
}

}  // namespace observe
