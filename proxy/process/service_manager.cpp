#include "proxy/process/service_manager.hpp"

#include "proxy/base/ascii.hpp"

#include <cstdlib>
#include <cstring>
#include <ctime>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace process {
namespace {

std::string_view text_of(const char* value) {
  return value ? std::string_view(value) : std::string_view();
}

std::optional<base::Duration> interval_of(const char* usec, const char* pid) {
  const auto wanted = base::parse_decimal<std::uint64_t>(text_of(usec));
  if (!wanted || *wanted == 0) return std::nullopt;
  if (pid && base::parse_decimal<std::uint64_t>(pid) != static_cast<std::uint64_t>(::getpid()))
    return std::nullopt;  // it is meant for another process
  return std::chrono::microseconds(*wanted / 2);
}

}  // namespace

ServiceManager::ServiceManager()
    : ServiceManager(std::getenv("NOTIFY_SOCKET"), std::getenv("WATCHDOG_USEC"),
                     std::getenv("WATCHDOG_PID")) {}

ServiceManager::ServiceManager(const char* socket, const char* watchdog_usec,
                               const char* watchdog_pid)
    : socket_(text_of(socket)) {
  if (socket_.size() >= sizeof(sockaddr_un::sun_path)) socket_.clear();
  if (socket_.empty()) return;
  descriptor_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  watchdog_ = interval_of(watchdog_usec, watchdog_pid);
}

// It sends READY when it is done: the time tells the manager which of two reloads that was of.
void ServiceManager::reloading() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto usec = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 +
                    static_cast<std::uint64_t>(now.tv_nsec) / 1000;
  tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(usec));
}

void ServiceManager::tell(std::string_view state) const {
  if (!descriptor_) return;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, socket_.data(), socket_.size());
  if (to.sun_path[0] == '@') to.sun_path[0] = 0;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  ::sendto(descriptor_.number(), state.data(), state.size(), MSG_NOSIGNAL,
           reinterpret_cast<const sockaddr*>(&to), size);
}

}  // namespace process
