// What systemd is told of this process (sd_notify(3), sd_watchdog_enabled(3)), by datagrams to the
// socket that it names. Without one nothing is said. Control's thread.
#pragma once

#include "proxy/base/descriptor.hpp"
#include "proxy/base/time.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace process {

class ServiceManager {
 public:
  // Of the environment: NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID.
  ServiceManager();
  ServiceManager(const char* socket, const char* watchdog_usec, const char* watchdog_pid);

  // Half of what it waits for a sign of life; none = it does not.
  std::optional<base::Duration> watchdog() const { return watchdog_; }

  void ready() { tell("READY=1"); }
  void reloading();
  void stopping() { tell("STOPPING=1"); }
  void alive() { tell("WATCHDOG=1"); }
  // Another process is the service from now on.
  void replaced_by(pid_t process) { tell("MAINPID=" + std::to_string(process)); }

 private:
  void tell(std::string_view state) const;

  std::string socket_;  // a path, or @ and an abstract name; "" = none
  base::Descriptor descriptor_;
  std::optional<base::Duration> watchdog_;
};

}  // namespace process
