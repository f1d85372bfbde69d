// How a process is told to end: by signals, and by the admin side.
#include "config/load.hpp"
#include "filters/registry.hpp"
#include "proxy/process/control.hpp"
#include "proxy/server/plan.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <future>
#include <unistd.h>

using harness::Origin;
using harness::Socket;

namespace {

// As main runs it.
class Process {
 public:
  explicit Process(const std::string& yaml) : log_(STDERR_FILENO, base::Level::error, false) {
    std::promise<void> started;
    thread_ = std::thread([this, &started, yaml] { run(yaml, started); });
    started.get_future().wait();
  }
  ~Process() { thread_.join(); }

  const base::Address& address() const { return address_; }
  const base::Address& admin() const { return admin_; }
  bool has_ended() const { return has_ended_; }

 private:
  void run(const std::string& yaml, std::promise<void>& started) {
    const auto plan_in_place_of = [&](const server::Plan* running) {
      return server::make_plan(config::load_text("test.yaml", yaml, filters::specs()).config,
                               running);
    };
    process::Control control(
        plan_in_place_of(nullptr).plan,
        [&](const server::Plan& running) { return plan_in_place_of(&running); }, log_);
    control.handle_signals();
    CHECK(control.start() == "");
    address_ = control.listener_address("egress");
    admin_ = control.admin_address();
    started.set_value();
    control.run();
    has_ended_ = true;
  }

  base::Log log_;
  base::Address address_, admin_;
  std::atomic<bool> has_ended_{false};
  std::thread thread_;
};

// Answers when it is told to.
struct Slow {
  Slow()
      : origin([this](Socket& peer) {
          peer.read_head();
          asked.set_value();
          answers.get_future().wait();
          peer.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone");
        }) {}
  std::promise<void> asked, answers;
  Origin origin;
};

Socket asking(const Process& process) {
  Socket client = Socket::connect(process.address());
  client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  return client;
}

void wait_until_it_refuses(const Process& process) {
  for (;;) {
    try {
      Socket late = Socket::connect(process.address());
      if (late.read_some().empty()) return;
    } catch (const std::system_error&) {
      return;
    }
  }
}

}  // namespace

TEST_CASE("signals: SIGTERM lets what is under way end") {
  Slow slow;
  Process process(harness::egress_to(slow.origin.url()));
  Socket client = asking(process);
  slow.asked.get_future().wait();
  ::kill(::getpid(), SIGTERM);
  wait_until_it_refuses(process);
  CHECK_FALSE(process.has_ended());
  slow.answers.set_value();
  CHECK(client.read_answer().body == "done");
}

TEST_CASE("signals: a second SIGTERM cuts it") {
  Slow slow;
  Process process(harness::egress_to(slow.origin.url()));
  Socket client = asking(process);
  slow.asked.get_future().wait();
  ::kill(::getpid(), SIGTERM);
  wait_until_it_refuses(process);
  ::kill(::getpid(), SIGTERM);
  CHECK(client.read_answer().status == 503);
  CHECK(client.read_to_end().empty());
  slow.answers.set_value();
}

TEST_CASE("signals: an answer that ends with its connection is not cut so that it looks whole") {
  Origin origin([](Socket& peer) {
    peer.read_head();
    peer.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nsome\r\n");
    peer.read_some();
  });
  Process process(harness::egress_to(origin.url()));
  Socket client = Socket::connect(process.address());
  client.send("GET / HTTP/1.0\r\nhost: a\r\n\r\n");
  client.read_head();
  CHECK(client.read_exactly(4) == "some");
  ::kill(::getpid(), SIGTERM);
  wait_until_it_refuses(process);
  ::kill(::getpid(), SIGTERM);
  CHECK(client.read_to_end().empty());
  CHECK(client.was_reset());
}

TEST_CASE("signals: the first SIGTERM after POST /drain is not a second one") {
  Slow slow;
  Process process(harness::egress_to(slow.origin.url()));
  Socket client = asking(process);
  slow.asked.get_future().wait();
  Socket admin = Socket::connect(process.admin());
  admin.send("POST /drain HTTP/1.1\r\nhost: localhost\r\nx-outrider: 1\r\n\r\n");
  CHECK(admin.read_answer().status == 202);
  wait_until_it_refuses(process);
  ::kill(::getpid(), SIGTERM);
  admin.send("GET /live HTTP/1.1\r\nhost: localhost\r\n\r\n");
  CHECK(admin.read_answer().status == 200);
  slow.answers.set_value();
  CHECK(client.read_answer().body == "done");
}

TEST_CASE("signals: SIGUSR1 and SIGHUP open the access log again, SIGUSR2 changes nothing") {
  Origin origin(Origin::answering("x"));
  const std::string path = "/tmp/outrider-signals." + std::to_string(::getpid());
  {
    Process process("version: 1\nworkers: 1\naccess_log: { to: " + path + " }\n"
                    "listeners: { egress: { bind: 127.0.0.1:0, routes: [{ to: app }] } }\n"
                    "clusters: { app: { url: \"" + origin.url() + "\" } }\n");
    for (const int number : {SIGUSR1, SIGHUP}) {
      REQUIRE(std::rename(path.c_str(), (path + ".1").c_str()) == 0);
      ::kill(::getpid(), number);
      while (::access(path.c_str(), F_OK) != 0) std::this_thread::yield();
    }
    ::kill(::getpid(), SIGUSR2);
    Socket client = asking(process);
    CHECK(client.read_answer().status == 200);
    client.close();
    ::kill(::getpid(), SIGTERM);
  }
  std::ifstream log(path);
  std::string line;
  CHECK(std::getline(log, line));
  CHECK(line.find("\"status\":200") != line.npos);
  ::unlink(path.c_str());
  ::unlink((path + ".1").c_str());
}
