#include "proxy/process/inheritance.hpp"

#include "proxy/base/ascii.hpp"
#include "proxy/process/program.hpp"

#include <cstdlib>
#include <fcntl.h>
#include <optional>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace process {
namespace {

constexpr int first_of_service_manager = 3;
constexpr int most_of_service_manager = 1024;

// The value, which is nobody else's any more.
std::optional<std::string> taken(const char* name) {
  const char* value = std::getenv(name);
  if (!value) return std::nullopt;
  std::string text = value;
  ::unsetenv(name);
  return text;
}

bool is_listening(int descriptor) {
  int type = 0, listens = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) != 0) return false;
  size = sizeof listens;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0) return false;
  return type == SOCK_STREAM && listens != 0;
}

// One that all workers share, and whose path is the manager's.
server::InheritedSocket socket_of_service_manager(base::Descriptor descriptor) {
  ::fcntl(descriptor.number(), F_SETFD, FD_CLOEXEC);
  ::fcntl(descriptor.number(), F_SETFL, ::fcntl(descriptor.number(), F_GETFL) | O_NONBLOCK);
  server::InheritedSocket socket;
  socket.wanted = socket.bound = base::Address::local_of(descriptor.number());
  socket.is_shared = true;
  socket.descriptors.push_back(std::move(descriptor));
  return socket;
}

void take_from_service_manager(Inheritance& into) {
  const std::optional<std::string> process = taken("LISTEN_PID");
  const std::optional<std::string> count = taken("LISTEN_FDS");
  taken("LISTEN_FDNAMES");
  if (!process ||
      base::parse_decimal<std::uint64_t>(*process) != static_cast<std::uint64_t>(::getpid()))
    return;
  const auto number = base::parse_decimal<unsigned>(count.value_or(""));
  if (!number || *number > most_of_service_manager) {
    into.problem = "LISTEN_FDS is no number of sockets: " + count.value_or("");
    return;
  }
  for (int i = 0; i < static_cast<int>(*number); ++i) {
    base::Descriptor descriptor(first_of_service_manager + i);
    if (!is_listening(descriptor.number())) {
      into.problem = "LISTEN_FDS: descriptor " + std::to_string(descriptor.number()) +
                     " is not a stream socket that listens";
      return;
    }
    into.handed.listeners.push_back(socket_of_service_manager(std::move(descriptor)));
  }
}

}  // namespace

Inheritance inheritance() {
  Inheritance made;
  if (taken(handover_variable)) {
    made.predecessor.reset(handover_descriptor);
    ::fcntl(handover_descriptor, F_SETFD, FD_CLOEXEC);
    Received received = receive(handover_descriptor);
    made.handed = std::move(received.all);
    made.problem = std::move(received.problem);
    return made;
  }
  take_from_service_manager(made);
  return made;
}

std::vector<std::string> environment_for_children() {
  return environment_without({"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID",
                              "LISTEN_FDS", "LISTEN_FDNAMES", handover_variable});
}

}  // namespace process
