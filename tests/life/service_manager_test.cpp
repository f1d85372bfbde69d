// What a service manager is told, and the sockets that it hands over itself.
#include "tests/harness/origin.hpp"
#include "tests/life/upgraded.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

using harness::Outrider;
using harness::Program;
using harness::Socket;
using life::answering;
using life::Successors;

namespace {

// What a service manager is told, one message after the other.
class Manager {
 public:
  Manager() : path_("/tmp/outrider-notify." + std::to_string(::getpid())) {
    ::unlink(path_.c_str());
    socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::strncpy(at.sun_path, path_.c_str(), sizeof at.sun_path - 1);
    if (::bind(socket_, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0)
      throw std::runtime_error("bind");
  }
  ~Manager() {
    ::close(socket_);
    ::unlink(path_.c_str());
  }
  std::string variable() const { return "NOTIFY_SOCKET=" + path_; }
  // The next message but signs of life, if those are not asked for.
  std::string next(bool wants_life = false) {
    for (;;) {
      pollfd watched{socket_, POLLIN, 0};
      if (::poll(&watched, 1, 30'000) <= 0) return "silence";
      char room[512];
      const ssize_t size = ::recv(socket_, room, sizeof room, 0);
      const std::string said(room, static_cast<std::size_t>(size));
      if (wants_life || said != "WATCHDOG=1") return said;
    }
  }

 private:
  std::string path_;
  int socket_;
};

int listening(const base::Address& at) {
  const int descriptor = ::socket(at.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  const base::Address::Socket socket = at.socket();
  if (::bind(descriptor, socket.get(), socket.size) != 0 || ::listen(descriptor, 64) != 0)
    throw std::runtime_error("bind");
  return descriptor;
}

}  // namespace

TEST_CASE("service manager: it hears of the start, a reload, an upgrade and the end") {
  Manager manager;
  Outrider outrider(answering(201), {}, {manager.variable()});
  Successors successors(outrider);
  CHECK(manager.next() == "READY=1");
  outrider->signal(SIGHUP);
  CHECK(manager.next().find("RELOADING=1\nMONOTONIC_USEC=") == 0);
  CHECK(manager.next() == "READY=1");
  outrider->signal(SIGUSR2);
  CHECK(manager.next() == "READY=1");
  const std::string main = manager.next();
  const pid_t second = successors.next();
  CHECK(main == "MAINPID=" + std::to_string(second));
  ::kill(second, SIGTERM);
  CHECK(manager.next() == "STOPPING=1");
}

TEST_CASE("service manager: signs of life come while the workers turn") {
  Manager manager;
  Outrider outrider(answering(201), {}, {manager.variable(), "WATCHDOG_USEC=200000"});
  CHECK(manager.next() == "READY=1");
  for (int i = 0; i < 3; ++i) CHECK(manager.next(true) == "WATCHDOG=1");
}

TEST_CASE("service manager: its sockets are taken for the binds that they match") {
  const base::Address at = harness::unused_address(), other = harness::unused_address();
  const int named = listening(at), unnamed = listening(other);
  // LISTEN_PID is the process itself: a shell becomes it.
  const std::string file = "/tmp/outrider-activated." + std::to_string(::getpid()) + ".yaml";
  std::FILE* out = std::fopen(file.c_str(), "w");
  std::fputs(answering(201, at.to_string()).c_str(), out);
  std::fclose(out);
  Socket early = Socket::connect(at);  // before anybody accepts
  early.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  Program outrider(
      {"sh", "-c", "export LISTEN_PID=$$; exec " + harness::outrider_binary() + " run " + file},
      {"LISTEN_FDS=2"}, {named, unnamed});
  ::close(named);
  ::close(unnamed);
  outrider.wait_for("listener egress listening on " + at.to_string());
  CHECK(early.read_answer().status == 201);
  CHECK(outrider.said().find("a socket on " + other.to_string() + " was handed to this process") !=
        std::string::npos);
  outrider.signal(SIGTERM);
  CHECK(outrider.wait() == 0);
  ::unlink(file.c_str());
}
