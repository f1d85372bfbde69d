// How a process is told to end: by signals, and by the admin side.
#include "config/load.hpp"
#include "filters/registry.hpp"
#include "proxy/process/control.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <functional>
#include <future>
#include <iterator>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>

using harness::Origin;
using harness::Socket;

namespace {

// As main runs it.
class Process {
 public:
  using Load = std::function<config::Loaded()>;

  explicit Process(const std::string& yaml)
      : Process([yaml] { return config::load_text("test.yaml", yaml, filters::specs()); },
                base::LogFile(STDERR_FILENO)) {}
  Process(const Load& load, base::LogFile log) : log_(std::move(log), base::Level::error, false) {
    std::promise<void> started;
    thread_ = std::thread([this, &started, load] { run(load, started); });
    started.get_future().wait();
  }
  ~Process() { thread_.join(); }

  const base::Address& address() const { return address_; }
  const base::Address& admin() const { return admin_; }
  bool has_ended() const { return has_ended_; }

 private:
  void run(const Load& load, std::promise<void>& started) {
    process::Control control(
        harness::planned_of(load(), nullptr).plan,
        [&load](const server::Plan& running) { return harness::planned_of(load(), &running); },
        log_);
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
  harness::wait_until_refused(process.address());
}

// A configuration in a file, the process that runs it, and what that says.
class OfFile {
 public:
  explicit OfFile(const std::string& routes) {
    write(routes);
    process_.emplace([this] { return config::load(file(), filters::specs()); },
                     std::move(*base::LogFile::open(log_file())));
  }
  ~OfFile() {
    end();
    ::unlink(file().c_str());
    ::unlink(log_file().c_str());
  }

  std::string file() const { return base_ + ".yaml"; }
  void write(const std::string& routes) const {
    std::ofstream(file()) << "version: 1\n"
                             "workers: 1\n"
                             "access_log: { format: none }\n"
                             "admin: { bind: \"127.0.0.1:0\" }\n"
                             "listeners:\n"
                             "  egress:\n"
                             "    bind: 127.0.0.1:0\n"
                             "    routes: "
                          << routes << "\n";
  }
  bool comes_to_answer(int status) const {
    return comes_to_be([&] { return harness::get(process_->address(), "/").status == status; });
  }
  bool comes_to_count(const std::string& line) const {
    return comes_to_be([&] {
      const std::string all = harness::get(process_->admin(), "/metrics", "localhost").body;
      return all.find("\n" + line + "\n") != all.npos;
    });
  }
  // Ends it.
  std::string log() {
    end();
    std::ifstream in(log_file());
    return {std::istreambuf_iterator<char>(in), {}};
  }

 private:
  std::string log_file() const { return base_ + ".log"; }
  void end() {
    if (process_) ::kill(::getpid(), SIGTERM);
    process_.reset();
  }
  static bool comes_to_be(const std::function<bool()>& is_so) {
    const base::Time limit = base::Clock::now() + std::chrono::seconds(10);
    while (!is_so())
      if (base::Clock::now() > limit) return false;
    return true;
  }

  const std::string base_ = "/tmp/outrider-hup." + std::to_string(::getpid());
  std::optional<Process> process_;
};

}  // namespace

TEST_CASE("signals: SIGHUP takes what the file says by now, and a broken one changes nothing") {
  OfFile running("[{ respond: { status: 201 } }]");
  CHECK(running.comes_to_answer(201));
  CHECK(running.comes_to_count("outrider_config_reload_success 1"));
  running.write("[{ respond: { status: 202 } }]");
  ::kill(::getpid(), SIGHUP);
  CHECK(running.comes_to_answer(202));
  running.write("[{ respont: { status: 203 } }]");
  ::kill(::getpid(), SIGHUP);
  CHECK(running.comes_to_count("outrider_config_reload_success 0"));
  CHECK(running.comes_to_answer(202));
  running.write("[{ respond: { status: 203 } }]");
  ::kill(::getpid(), SIGHUP);
  CHECK(running.comes_to_answer(203));
  CHECK(running.comes_to_count("outrider_config_reload_success 1"));
  const std::string log = running.log();
  CHECK(log.find("reload: the configuration in force stays:\n    " + running.file() + ":8:") !=
        log.npos);
  CHECK(log.find("respont") != log.npos);
}

TEST_CASE("signals: drain.delay and timeout are never short") {
  Slow slow;
  Process process(
      harness::egress_to(slow.origin.url(), "drain: { delay: 300ms, timeout: 500ms }\n"));
  Socket client = asking(process);
  slow.asked.get_future().wait();
  const base::Time told = base::Clock::now();
  ::kill(::getpid(), SIGTERM);
  wait_until_it_refuses(process);
  CHECK(base::Clock::now() - told >= base::Millis{300});
  CHECK(client.read_answer().status == 503);
  CHECK(base::Clock::now() - told >= base::Millis{500});
  slow.answers.set_value();
}

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
    Process process("version: 1\nworkers: 1\naccess_log: { to: " + path +
                    " }\n"
                    "listeners: { egress: { bind: 127.0.0.1:0, routes: [{ to: app }] } }\n"
                    "clusters: { app: { url: \"" +
                    origin.url() + "\" } }\n");
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

TEST_CASE("signals: an access log that cannot be opened again is told, and tried at the next one") {
  std::string folder = "/tmp/outrider-signals-XXXXXX";
  REQUIRE(mkdtemp(folder.data()));
  const std::string path = folder + "/access";
  const std::string aside = folder + ".aside";
  const std::string told = folder + ".log";
  const std::string yaml =
      "version: 1\nworkers: 1\naccess_log: { to: " + path +
      " }\nlisteners: { egress: { bind: 127.0.0.1:0, routes: [{ respond: {} }] } }\n";
  const auto load = [&] { return config::load_text("test.yaml", yaml, filters::specs()); };
  const auto contents = [](const std::string& file) {
    std::ifstream in(file);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  {
    Process process(load, std::move(*base::LogFile::open(told)));
    REQUIRE(std::rename(folder.c_str(), aside.c_str()) == 0);
    ::kill(::getpid(), SIGUSR1);
    while (contents(told).empty()) std::this_thread::yield();
    CHECK(contents(told).find("error access_log: cannot open " + path +
                              " again, the old one stays until the next signal: No such file") !=
          std::string::npos);
    CHECK(asking(process).read_answer().status == 200);
    REQUIRE(::mkdir(folder.c_str(), 0700) == 0);
    ::kill(::getpid(), SIGUSR1);
    while (::access(path.c_str(), F_OK) != 0) std::this_thread::yield();
    ::kill(::getpid(), SIGTERM);
  }
  CHECK((contents(path) + contents(aside + "/access")).find("\"status\":200") != std::string::npos);
  for (const std::string& each : {path, aside + "/access", told}) ::unlink(each.c_str());
  for (const std::string& each : {folder, aside}) ::rmdir(each.c_str());
}
