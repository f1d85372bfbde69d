#include "proxy/observe/syslog.hpp"

#include "proxy/observe/access_log.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

// A daemon's socket.
class Daemon {
 public:
  explicit Daemon(const std::string& path) : path_(path) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, path.data(), path.size());
    socket_ = ::socket(AF_UNIX, SOCK_DGRAM, 0);
    REQUIRE(::bind(socket_, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
  }
  ~Daemon() {
    ::close(socket_);
    ::unlink(path_.c_str());
  }
  // "" = nothing comes.
  std::string read(int patience_ms = 10'000) const {
    pollfd readable{socket_, POLLIN, 0};
    if (::poll(&readable, 1, patience_ms) != 1) return {};
    char text[64 * 1024];
    const ssize_t size = ::recv(socket_, text, sizeof text, 0);
    return {text, static_cast<std::size_t>(size)};
  }

 private:
  const std::string path_;
  int socket_;
};

std::string fresh_path() {
  static int count = 0;
  return "/tmp/outrider-syslog." + std::to_string(::getpid()) + "." + std::to_string(count++);
}

struct Exchange {
  base::Loop loop;
  http::ConnectionInfo connection;
  http::StreamInfo info{loop, connection};
  observe::AccessRecord record{"GET", "a.test", "/", loop.now()};
};

}  // namespace

TEST_CASE("syslog: is named by a scheme of its own") {
  CHECK(observe::Syslog::path_in("syslog:/dev/log") == "/dev/log");
  CHECK(observe::Syslog::path_in("/dev/log").empty());
}

TEST_CASE("syslog: a line is a message of RFC 5424") {
  const std::string path = fresh_path();
  const Daemon daemon(path);
  observe::Syslog syslog(path, "my host", "shop");
  const auto sent = syslog.send("{\"status\":200}");
  REQUIRE(sent.ok());
  CHECK(*sent);
  const std::string message = daemon.read();
  CHECK(message.starts_with("<190>1 20"));
  CHECK(message[sizeof "<190>1 2026-01-31T12:34:56.789Z" - 1] == ' ');
  CHECK(message.ends_with("Z myhost shop " + std::to_string(::getpid()) +
                          " access - {\"status\":200}"));
}

TEST_CASE("syslog: takes what it is told again once there is a socket again") {
  const std::string path = fresh_path();
  observe::Syslog early(path, "h", "s");
  CHECK(early.send("lost").error().cause.value() == ENOENT);
  CHECK(early.send("lost").error().cause.value() == ENOENT);  // not tried again so soon
  observe::Syslog syslog(path, "h", "s");
  {
    const Daemon daemon(path);
    CHECK(syslog.send("one").ok());
    CHECK(daemon.read().ends_with(" one"));
  }
  const Daemon another(path);
  CHECK(syslog.send("two").ok());
  CHECK(another.read().ends_with(" two"));
}

TEST_CASE("syslog: a daemon that reads nothing is waited for by nobody but the writer") {
  const std::string path = fresh_path();
  const Daemon daemon(path);
  observe::Syslog syslog(path, "h", "s");
  bool is_full = false;
  for (int i = 0; i < 100'000 && !is_full; ++i) {
    const auto sent = syslog.send("x");
    REQUIRE(sent.ok());
    is_full = !*sent;
  }
  CHECK(is_full);
  daemon.read();
  syslog.wait(base::Millis{10'000});
  CHECK(*syslog.send("y"));
}

TEST_CASE("access log: goes to syslog, a datagram for each line") {
  const std::string path = fresh_path();
  const Daemon daemon(path);
  Exchange exchange;
  exchange.info.status = 204;
  observe::LineRules rules;
  rules.host = "node-1";
  rules.service = "shop";
  const auto log = observe::AccessLog::open("syslog:" + path, observe::AccessLog::Format::json, 1,
                                            std::move(rules));
  REQUIRE(log.ok());
  (*log)->queue(0).write(exchange.info, exchange.record);
  (*log)->queue(0).write(exchange.info, exchange.record);
  for (int i = 0; i < 2; ++i) {
    const std::string message = daemon.read();
    CHECK(message.find(" node-1 shop ") != message.npos);
    CHECK(message.find("\"status\":204") != message.npos);
    CHECK(message.ends_with("}"));
  }
}

TEST_CASE("access log: lines that syslog does not take are counted, with the reason") {
  const std::string path = fresh_path();
  Exchange exchange;
  const auto log =
      observe::AccessLog::open("syslog:" + path, observe::AccessLog::Format::text, 1);
  REQUIRE(log.ok());
  (*log)->queue(0).write(exchange.info, exchange.record);
  while ((*log)->dropped() == 0) ::usleep(1'000);
  CHECK((*log)->dropped() == 1);
  CHECK((*log)->trouble() == "No such file or directory");
}
