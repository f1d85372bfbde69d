// The application as Outrider's child, with the binary as it is run: started, waited for, told to
// end, and how its end becomes Outrider's.
#include "tests/harness/origin.hpp"
#include "tests/harness/program.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <future>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>

using harness::get;
using harness::Origin;
using harness::Outrider;
using harness::Program;
using harness::Socket;

namespace {

using Words = std::vector<std::string>;

// Inbound to the app, outbound to another service, at the same origin if need be.
std::string sidecar(const std::string& app, const std::string& service,
                    const std::string& more = "") {
  return "version: 1\n"
         "access_log: { format: none }\n"
         "admin: { bind: \"127.0.0.1:0\" }\n"
         "listeners:\n"
         "  egress: { bind: \"127.0.0.1:0\", routes: [{ to: service }] }\n"
         "  in-1: { bind: \"127.0.0.1:0\", direction: inbound, routes: [{ to: app }] }\n"
         "clusters:\n"
         "  app: { url: \"" +
         app +
         "\" }\n"
         "  service: { url: \"" +
         service + "\" }\n" + more;
}

// As the command of the app, behind a file.
Words running(const std::string& script) {
  return {"--", "sh", "-c", script};
}

// `app: { ... }` with a script.
std::string app_of(const std::string& script, const std::string& more = "") {
  return "app:\n  command: [sh, -c, \"" + script + "\"]\n" + more;
}

bool is_refused(const base::Address& address) {
  try {
    Socket::connect(address);
    return false;
  } catch (const std::system_error&) {
    return true;
  }
}

template <typename Is> bool comes_to_be(Is is_so) {
  const base::Time limit = base::Clock::now() + std::chrono::seconds(30);
  while (!is_so())
    if (base::Clock::now() > limit) return false;
  return true;
}

int post(const base::Address& admin, const std::string& path, std::string* body = nullptr) {
  Socket client = Socket::connect(admin);
  client.send("POST " + path + " HTTP/1.1\r\nhost: localhost\r\nx-outrider: 1\r\n\r\n");
  const harness::Answer answer = client.read_answer();
  if (body) *body = answer.body;
  return answer.status;
}

// Answers with that status by now.
struct Health {
  std::atomic<int> status{503};
  Origin origin{[this](Socket& peer) {
    while (!peer.read_head().empty())
      peer.send("HTTP/1.1 " + std::to_string(status) + " x\r\ncontent-length: 0\r\n\r\n");
  }};
};

// Says that it was asked, and answers when it is told to.
struct Slow {
  std::promise<void> asked, answers;
  Origin origin{[this](Socket& peer) {
    peer.read_head();
    asked.set_value();
    answers.get_future().wait();
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone");
  }};
};

Socket asking(const base::Address& address) {
  Socket client = Socket::connect(address);
  client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  return client;
}

// A pipe of a name, by which a script is told to go on.
class Fifo {
 public:
  Fifo() : path_("/tmp/outrider-fifo." + std::to_string(::getpid())) {
    ::unlink(path_.c_str());
    ::mkfifo(path_.c_str(), 0600);
  }
  ~Fifo() { ::unlink(path_.c_str()); }
  const std::string& path() const { return path_; }
  void write() const { std::ofstream(path_) << "go on\n"; }

 private:
  std::string path_;
};

constexpr const char* forever = "while :; do sleep 0.05; done";

}  // namespace

TEST_CASE("app: it has the addresses of the listeners, the environment and nothing open") {
  Origin origin(Origin::answering("x"));
  ::setenv("OUTRIDER_TEST_VARIABLE", "handed on", 1);
  ::setenv("NOTIFY_SOCKET", "/nowhere", 1);
  Outrider outrider(
      sidecar(origin.url(), origin.url()),
      running("echo \"in $OUTRIDER_LISTENER_IN_1, out $OUTRIDER_LISTENER_EGRESS, "
              "$OUTRIDER_TEST_VARIABLE, ${NOTIFY_SOCKET:-none}, $PWD.\"; "
              "for each in /proc/self/fd/*; do echo \"open ${each##*/}.\"; done; exit 5"));
  ::unsetenv("NOTIFY_SOCKET");
  CHECK(outrider->wait() == 5);
  const std::string& said = outrider->said();
  CAPTURE(said);
  CHECK(said.find("out " + outrider.address("egress").to_string() + ", handed on, none, ") !=
        said.npos);
  CHECK(outrider->word_behind("in 127.0.0.1:").size() > 1);
  char folder[4096];
  CHECK(said.find(std::string(::getcwd(folder, sizeof folder)) + ".\n") != said.npos);
  CHECK(said.find("open 2.") != said.npos);
  CHECK(said.find("open 4.") == said.npos);  // 3 is the shell's look
}

TEST_CASE(
    "app: its limit of descriptors is the one that Outrider found, not the one that it raised") {
  const std::string file = "/tmp/outrider-limit." + std::to_string(::getpid()) + ".yaml";
  std::ofstream(file) << sidecar("http://127.0.0.1:1", "http://127.0.0.1:1");
  Program outrider({"sh", "-c",
                    "ulimit -S -n 3000; exec " + harness::outrider_binary() + " run " + file +
                        " -- sh -c 'echo \"may have $(ulimit -S -n).\"'"});
  CHECK(outrider.wait() == 0);
  CHECK(outrider.said().find("may have 3000.") != std::string::npos);
  ::unlink(file.c_str());
}

TEST_CASE("app: inbound is refused and /ready says no until it is ready, outbound works") {
  Health health;
  Origin service(Origin::answering("service"));
  Outrider outrider(sidecar(health.origin.url(), service.url(),
                            app_of("echo \\\"told $OUTRIDER_LISTENER_IN_1\\\"; exec sleep 1000",
                                   "  ready: " + health.origin.url() + "/healthz\n")));
  const base::Address inbound = *base::Address::parse(outrider->word_behind("told "));
  CHECK(is_refused(inbound));
  CHECK(get(outrider.address(), "/").body == "service");
  CHECK(get(outrider.admin(), "/ready", "localhost").status == 503);
  CHECK(outrider->said().find("in-1 listening") == std::string::npos);
  health.status = 204;
  CHECK(outrider.address("in-1") == inbound);
  CHECK(get(inbound, "/").status == 204);
  CHECK(get(outrider.admin(), "/ready", "localhost").status == 200);
  outrider->signal(SIGTERM);
  CHECK(outrider->wait() == 128 + SIGTERM);
}

TEST_CASE("app: ready may be a port that accepts") {
  const base::Address later = harness::unused_address();
  Outrider outrider(
      sidecar("http://" + later.to_string(), "http://127.0.0.1:1",
              app_of("exec sleep 1000", "  ready: tcp://" + later.to_string() + "\n")));
  outrider.address("egress");
  CHECK(get(outrider.admin(), "/ready", "localhost").status == 503);
  const int listening = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const base::Address::Socket at = later.socket();
  REQUIRE(::bind(listening, at.get(), at.size) == 0);
  REQUIRE(::listen(listening, 16) == 0);
  outrider->wait_for("app: ready");
  ::close(listening);
}

TEST_CASE("app: one that is not ready in time is stopped, and Outrider fails") {
  Health health;
  Outrider outrider(sidecar(health.origin.url(), health.origin.url(),
                            app_of("trap 'echo told; exit 0' TERM; " + std::string(forever),
                                   "  ready: " + health.origin.url() + "\n  start_timeout: 1s\n")));
  CHECK(outrider->wait() == 1);
  const std::string& said = outrider->said();
  CAPTURE(said);
  CHECK(said.find("told\n") != said.npos);
  CHECK(said.find("app: not ready within start_timeout (1 s): " + health.origin.url() +
                  ": it answers 503") != said.npos);
}

TEST_CASE("app: one that ends before it is ready ends Outrider with its status") {
  Health health;
  Outrider outrider(sidecar(health.origin.url(), health.origin.url(),
                            app_of("exit 3", "  ready: " + health.origin.url() + "\n")));
  CHECK(outrider->wait() == 3);
  CHECK(outrider->said().find("app: sh ended with status 3") != std::string::npos);
}

TEST_CASE("app: one that is killed under load: what it sent goes out, inbound is over, 137") {
  Slow service;
  Origin app(Origin::answering("app"));
  Outrider outrider(sidecar(app.url(), service.origin.url()), running("exec sleep 1000"));
  const base::Address inbound = outrider.address("in-1");
  CHECK(get(inbound, "/").body == "app");
  Socket outbound = asking(outrider.address());
  service.asked.get_future().wait();
  ::kill(std::stoi(outrider->word_behind("runs as process ")), SIGKILL);
  outrider->wait_for("was ended by signal 9 (Killed)");
  CHECK(comes_to_be([&] { return is_refused(inbound); }));
  service.answers.set_value();
  CHECK(outbound.read_answer().body == "done");
  CHECK(outrider->wait() == 137);
}

TEST_CASE("app: SIGTERM drains inbound first, and outbound works until the app has gone") {
  Fifo fifo;
  Slow app;
  Origin service(Origin::answering("service"));
  Outrider outrider(
      sidecar(app.origin.url(), service.url()),
      running("trap 'echo told; read line < " + fifo.path() + "; exit 7' TERM; " + forever));
  const base::Address inbound = outrider.address("in-1");
  Socket client = asking(inbound);
  app.asked.get_future().wait();
  outrider->signal(SIGTERM);
  CHECK(comes_to_be([&] { return is_refused(inbound); }));
  CHECK(outrider->said().find("told") == std::string::npos);
  CHECK(get(outrider.address(), "/").body == "service");
  app.answers.set_value();
  CHECK(client.read_answer().body == "done");
  outrider->wait_for("told");
  CHECK(get(outrider.address(), "/").body == "service");
  fifo.write();
  CHECK(outrider->wait() == 7);
}

TEST_CASE("app: what an inbound client does not end by drain.timeout does not keep the app") {
  Slow app;
  Outrider outrider(sidecar(app.origin.url(), app.origin.url(), "drain: { timeout: 100ms }\n"),
                    running("trap 'echo told; exit 0' TERM; " + std::string(forever)));
  Socket client = asking(outrider.address("in-1"));
  app.asked.get_future().wait();
  outrider->signal(SIGTERM);
  CHECK(client.read_answer().status == 503);
  CHECK(outrider->wait() == 0);
  CHECK(outrider->said().find("drain.timeout: 1 inbound exchange was cut") != std::string::npos);
  app.answers.set_value();
}

TEST_CASE("app: one that ignores SIGTERM is killed after stop_timeout") {
  Outrider outrider(
      sidecar("http://127.0.0.1:1", "http://127.0.0.1:1",
              app_of("trap '' TERM; echo begun; exec sleep 1000", "  stop_timeout: 100ms\n")));
  outrider->wait_for("begun");
  outrider.address("in-1");
  outrider->signal(SIGTERM);
  CHECK(outrider->wait() == 137);
  CHECK(outrider->said().find("not ended within stop_timeout (100 ms): SIGKILL") !=
        std::string::npos);
}

TEST_CASE("app: a second SIGTERM kills it at once") {
  Outrider outrider(sidecar("http://127.0.0.1:1", "http://127.0.0.1:1"),
                    running("trap 'echo told' TERM; echo begun; " + std::string(forever)));
  outrider->wait_for("begun");
  outrider.address("in-1");
  outrider->signal(SIGTERM);
  outrider->wait_for("told");
  outrider->signal(SIGTERM);
  CHECK(outrider->wait() == 137);
}

TEST_CASE("app: SIGHUP, SIGUSR1 and SIGUSR2 are passed on") {
  Outrider outrider(sidecar("http://127.0.0.1:1", "http://127.0.0.1:1"),
                    running("trap 'echo hup.' HUP; trap 'echo usr1.' USR1; trap 'echo usr2.' USR2; "
                            "echo begun; " +
                            std::string(forever)));
  outrider->wait_for("begun");
  outrider.address("in-1");
  outrider->signal(SIGHUP);
  outrider->wait_for("hup.");
  outrider->signal(SIGUSR1);
  outrider->wait_for("usr1.");
  outrider->signal(SIGUSR2);
  outrider->wait_for("usr2.");
  outrider->wait_for("reloaded");
  outrider->signal(SIGTERM);
  CHECK(outrider->wait() == 128 + SIGTERM);
}

TEST_CASE("app: POST /quit ends a process as its app would, with 0 where there is none") {
  Slow service;
  Outrider outrider(
      sidecar("http://127.0.0.1:1", service.origin.url(), "drain: { delay: 1h, timeout: 2h }\n"));
  Socket outbound = asking(outrider.address());
  service.asked.get_future().wait();
  CHECK(post(outrider.admin(), "/quit") == 202);
  CHECK(comes_to_be([&] { return is_refused(outrider.address("in-1")); }));
  service.answers.set_value();
  CHECK(outbound.read_answer().body == "done");
  CHECK(outrider->wait() == 0);
}

TEST_CASE("app: another command is no matter of a reload") {
  const std::string yaml = sidecar("http://127.0.0.1:1", "http://127.0.0.1:1");
  Outrider outrider(yaml + app_of("exec sleep 1000"));
  outrider.address("in-1");
  outrider.write(yaml + app_of("exec sleep 2000"));
  std::string body;
  CHECK(post(outrider.admin(), "/reload", &body) == 422);
  CHECK(body.find("app.command: another one runs") != body.npos);
  CHECK_MESSAGE(body.find("sleep") == body.npos, body);  // an argument may be a secret
  outrider.write(yaml + app_of("exec sleep 1000", "  stop_timeout: 1s\n"));
  CHECK(post(outrider.admin(), "/reload") == 200);
}

TEST_CASE("app: as process 1 Outrider reaps what has lost its parent") {
  const Words isolated = {"unshare", "--user",       "--map-root-user", "--pid",
                          "--fork",  "--kill-child", "--mount-proc"};
  Words probe = isolated;
  probe.push_back("true");
  if (Program(probe).wait() != 0) {
    MESSAGE("skipped: no new PID namespace without privileges");
    return;
  }
  const std::string file = "/tmp/outrider-init." + std::to_string(::getpid()) + ".yaml";
  std::ofstream(file) << sidecar("http://127.0.0.1:1", "http://127.0.0.1:1");
  Words words = isolated;
  for (const std::string& word : {harness::outrider_binary(), std::string("run"), file,
                                  std::string("--"), std::string("sh"), std::string("-c")})
    words.push_back(word);
  words.push_back(
      "echo \"child of $PPID.\"; for i in 1 2 3 4 5 6 7 8; do (sleep 0.01 & true); done; sleep "
      "0.2; "
      "for try in $(seq 200); do grep -q '^State:.Z' /proc/[0-9]*/status || exit 9; sleep 0.05; "
      "done; exit 4");
  Program outrider(words);
  CHECK(outrider.wait() == 9);
  CHECK(outrider.said().find("child of 1.") != std::string::npos);
  ::unlink(file.c_str());
}

TEST_CASE("app: a Ctrl-C comes to Outrider alone, which tells the app once") {
  Outrider outrider(
      sidecar("http://127.0.0.1:1", "http://127.0.0.1:1"),
      running("trap 'echo interrupted.' INT; trap 'echo told.; exit 4' TERM; echo begun; " +
              std::string(forever)));
  outrider->wait_for("begun");
  outrider.address("in-1");
  const pid_t app = std::stoi(outrider->word_behind("runs as process "));
  CHECK(::getpgid(app) == app);
  outrider->signal(SIGINT);
  CHECK(outrider->wait() == 4);
  CHECK(outrider->said().find("told.") != std::string::npos);
  CHECK(outrider->said().find("interrupted.") == std::string::npos);
}

TEST_CASE("app: it is told to end also by the end of an Outrider that was killed") {
  Outrider outrider(sidecar("http://127.0.0.1:1", "http://127.0.0.1:1"),
                    running("trap 'echo told.; exit 4' TERM; echo begun; " + std::string(forever)));
  outrider->wait_for("begun");
  outrider.address("in-1");
  outrider->signal(SIGKILL);
  outrider->wait_for("told.");
}

TEST_CASE("app: what it has started ends with it when it must be killed") {
  Outrider outrider(sidecar("http://127.0.0.1:1", "http://127.0.0.1:1",
                            app_of("trap '' TERM; sleep 1000 & echo child $!.; wait; sleep 1000",
                                   "  stop_timeout: 100ms\n")));
  const pid_t child = std::stoi(outrider->word_behind("child "));
  outrider.address("in-1");
  outrider->signal(SIGTERM);
  CHECK(outrider->wait() == 137);
  CHECK(comes_to_be([&] {
    std::ifstream status("/proc/" + std::to_string(child) + "/stat");
    std::string all;
    std::getline(status, all);
    return all.empty() || all.find(") Z ") != all.npos;
  }));
}

TEST_CASE("app: a command that cannot be run is told in the system's words") {
  Outrider outrider(sidecar("http://127.0.0.1:1", "http://127.0.0.1:1"), {"--", "/nowhere/app"});
  CHECK(outrider->wait() == 1);
  CHECK(outrider->said().find("app: cannot run /nowhere/app: No such file or directory") !=
        std::string::npos);
}

TEST_CASE("run: without standard input, output and error no socket is taken for one of them") {
  const std::string file = "/tmp/outrider-closed." + std::to_string(::getpid()) + ".yaml";
  std::ofstream(file) << sidecar("http://127.0.0.1:1", "http://127.0.0.1:1");
  Program outrider({"sh", "-c",
                    "exec 3>&1; " + harness::outrider_binary() + " run " + file +
                        " <&- >&- 2>&- 3>&- & sleep 0.5; for each in 0 1 2; do readlink "
                        "/proc/$!/fd/$each >&3; done; kill $!; wait $!; echo ended $?. >&3"});
  CHECK(outrider.wait() == 0);
  CHECK(outrider.said() == "/dev/null\n/dev/null\n/dev/null\nended 0.\n");
  ::unlink(file.c_str());
}

TEST_CASE("run: a configuration may come from standard input, but not twice") {
  const std::string file = "/tmp/outrider-stdin." + std::to_string(::getpid()) + ".yaml";
  std::ofstream(file) << sidecar("http://127.0.0.1:1", "http://127.0.0.1:1");
  Program outrider({"sh", "-c", "exec " + harness::outrider_binary() + " run - < " + file});
  const base::Address admin = *base::Address::parse(outrider.word_behind("admin listening on "));
  std::string body;
  CHECK(post(admin, "/reload", &body) == 422);
  CHECK(body.find("standard input, which cannot be read twice") != body.npos);
  CHECK(post(admin, "/upgrade", &body) == 422);
  CHECK(body.find("standard input") != body.npos);
  outrider.signal(SIGTERM);
  CHECK(outrider.wait() == 0);
  ::unlink(file.c_str());
}

TEST_CASE("reload: what is wrong stands in the log line by line, the caret below its place") {
  Outrider outrider(sidecar("http://127.0.0.1:1", "http://127.0.0.1:1"));
  const base::Address admin = outrider.admin();
  outrider.write("version: 1\nlistener: {}\n");
  CHECK(post(admin, "/reload") == 422);
  outrider->wait_for("error reload: the configuration in force stays:\n    ");
  outrider->wait_for("\n      listener: {}\n      ^\n");
  CHECK(outrider->said().find("u000a") == std::string::npos);
}
