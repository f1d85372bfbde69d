// What happens around the process: the disk is full, nobody reads the log, descriptors run out, the
// clock is set, the CA file is emptied, it is stopped and goes on, its control group has no memory
// left. Each leaves it serving what can be served, and one line that says what is wrong. What a test
// may not do here is skipped, and said.
// tests/chaos/README.md says where else what goes wrong around a sidecar is played.
#include "proxy/base/log.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/peers.hpp"
#include "tests/harness/program.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using harness::Answer;
using harness::get;
using harness::Origin;
using harness::Outrider;
using harness::Program;
using harness::Socket;

namespace {

#ifdef OUTRIDER_SANITIZED
constexpr bool is_sanitized = true;
#else
constexpr bool is_sanitized = false;
#endif

namespace fs = std::filesystem;

std::string sidecar(const std::string& url, const std::string& more,
                    const std::string& cluster = "") {
  return "version: 1\nworkers: 1\nadmin: { bind: \"127.0.0.1:0\" }\n" + more +
         "listeners:\n"
         "  egress: { bind: \"127.0.0.1:0\", routes: [{ to: app }] }\n"
         "clusters:\n"
         "  app: { url: \"" +
         url + "\"" + cluster + " }\n";
}

template <typename Is> bool comes_to_be(Is is_so) {
  const base::Time limit = base::Clock::now() + std::chrono::seconds(20);
  while (!is_so())
    if (base::Clock::now() > limit) return false;
  return true;
}

std::string metrics_of(Outrider& outrider) {
  return get(outrider.admin(), "/metrics", "localhost").body;
}

// Of a metric without labels; -1: there is none.
long value_of(const std::string& metrics, const std::string& name) {
  const std::size_t at = metrics.find("\n" + name + " ");
  return at == metrics.npos ? -1 : std::stol(metrics.substr(at + name.size() + 2));
}

int status_on(Socket& client, const std::string& path = "/") {
  client.send("GET " + path + " HTTP/1.1\r\nhost: a\r\n\r\n");
  return client.read_answer().status;
}

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/outrider-surroundings-XXXXXX";
    REQUIRE(::mkdtemp(name));
    path = name;
  }
  ~Folder() { fs::remove_all(path); }
  fs::path path;
};

std::string contents(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("surroundings: a disk that is full costs lines of the log, no request, and says so") {
  Origin origin(Origin::answering("x"));
  Outrider outrider(sidecar(origin.url(), "access_log: { to: /dev/full }\n"));
  Socket client = Socket::connect(outrider.address());
  for (int i = 0; i < 20; ++i) CHECK(status_on(client) == 200);
  outrider->wait_for("access_log: /dev/full: No space left on device; lines lost: ");
  CHECK(value_of(metrics_of(outrider), "outrider_access_log_dropped_total") > 0);
  CHECK(status_on(client) == 200);
}

// Both logs go to a pipe, and the test does not read it.
TEST_CASE("surroundings: logs that nobody reads cost lines, no request, and go on when they are read") {
  Origin origin(Origin::answering("x"));
  Outrider outrider(sidecar(origin.url(), "access_log: { to: stdout }\n"));
  Socket client = Socket::connect(outrider.address());
  outrider.admin();
  const std::string long_path = "/" + std::string(7'000, 'a');
  for (int i = 0; i < 1'600; ++i) REQUIRE(status_on(client, long_path) == 200);
  CHECK(comes_to_be([&] {
    return value_of(metrics_of(outrider), "outrider_access_log_dropped_total") > 0;
  }));
  // Either the queue takes the line, or there is some of it to read.
  const bool goes_on = comes_to_be([&] {
    CHECK(status_on(client, "/read-again") == 200);
    outrider->wait_for_more();
    return outrider->said().find("/read-again") != std::string::npos;
  });
  CHECK(goes_on);
}

namespace {

// While it lives the process may open no descriptor more than it has.
class NoMoreDescriptors {
 public:
  explicit NoMoreDescriptors(pid_t process) : process_(process) {
    REQUIRE(::prlimit(process, RLIMIT_NOFILE, nullptr, &before_) == 0);
    const auto open_ones = std::distance(
        fs::directory_iterator("/proc/" + std::to_string(process) + "/fd"), {});
    const rlimit tight{static_cast<rlim_t>(open_ones), before_.rlim_max};
    REQUIRE(::prlimit(process, RLIMIT_NOFILE, &tight, nullptr) == 0);
  }
  NoMoreDescriptors(const NoMoreDescriptors&) = delete;
  NoMoreDescriptors& operator=(const NoMoreDescriptors&) = delete;
  ~NoMoreDescriptors() { ::prlimit(process_, RLIMIT_NOFILE, &before_, nullptr); }

 private:
  const pid_t process_;
  rlimit before_{};
};

// What it has taken of the processors, in hundredths of a second.
long cpu_of(pid_t process) {
  const std::string stat = contents("/proc/" + std::to_string(process) + "/stat");
  std::istringstream rest(stat.substr(stat.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) rest >> skipped;
  long user = 0, system = 0;
  rest >> user >> system;
  return user + system;
}

}  // namespace

// Who asks nothing makes room; who has an exchange under way keeps it.
TEST_CASE("surroundings: without descriptors what is under way goes on, and the rest comes in turn") {
  std::atomic<bool> may_end{false};
  Origin origin([&](Socket& peer) {
    for (std::string head = peer.read_head(); !head.empty(); head = peer.read_head()) {
      if (head.find(" /stream ") == head.npos) {
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx");
        continue;
      }
      peer.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n");
      may_end.wait(false);
      peer.send("4\r\nlast\r\n0\r\n\r\n");
    }
  });
  Outrider outrider(sidecar(origin.url(), "access_log: { format: none }\n"));
  const base::Address egress = outrider.address();
  Socket streaming = Socket::connect(egress);
  streaming.send("GET /stream HTTP/1.1\r\nhost: a\r\n\r\n");
  streaming.read_until("first\r\n");
  Socket idle = Socket::connect(egress);
  CHECK(status_on(idle) == 200);
  Socket admin = Socket::connect(outrider.admin());
  const auto ask_admin = [&] {
    admin.send("GET /live HTTP/1.1\r\nhost: localhost\r\n\r\n");
    return admin.read_answer().status;
  };
  CHECK(ask_admin() == 200);
  std::optional<NoMoreDescriptors> want(std::in_place, outrider->id());

  std::vector<Socket> waiting;
  for (int i = 0; i < 20; ++i) {
    waiting.push_back(Socket::connect(egress));
    waiting.back().send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  }
  CHECK(ask_admin() == 200);
  const long cpu_before = cpu_of(outrider->id());
  const base::Time begun = base::Clock::now();
  while (base::Clock::now() < begun + base::Millis{600})
    std::this_thread::sleep_until(begun + base::Millis{600});
  CHECK(cpu_of(outrider->id()) - cpu_before <= 12);  // it does not ask over and over
  outrider->wait_for("descriptors have run out");

  want.reset();
  int served = 0;
  for (Socket& each : waiting) served += each.read_answer().status == 200 ? 1 : 0;
  CHECK(served > 0);
  CHECK(get(egress, "/").status == 200);
  may_end = true;
  may_end.notify_all();
  CHECK(streaming.read_until("last\r\n0\r\n\r\n").ends_with("last\r\n0\r\n\r\n"));
}

TEST_CASE("surroundings: stopped and continued, it serves what came before and what comes") {
  std::atomic<bool> may_answer{false};
  std::atomic<bool> is_asked{false};
  Origin origin([&](Socket& peer) {
    while (!peer.read_head().empty()) {
      is_asked = true;
      may_answer.wait(false);
      peer.send("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx");
    }
  });
  Outrider outrider(sidecar(origin.url(), "access_log: { format: none }\n"));
  const base::Address egress = outrider.address();
  Socket client = Socket::connect(egress);
  client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  REQUIRE(comes_to_be([&] { return is_asked.load(); }));
  outrider->signal(SIGSTOP);
  may_answer = true;
  may_answer.notify_all();
  Socket meanwhile = Socket::connect(egress);  // the kernel accepts
  meanwhile.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  const base::Time stopped = base::Clock::now();
  std::this_thread::sleep_until(stopped + std::chrono::milliseconds(1'500));
  outrider->signal(SIGCONT);
  CHECK(client.read_answer().status == 200);
  CHECK(meanwhile.read_answer().status == 200);
  CHECK(get(egress, "/").status == 200);
  const std::string metrics = metrics_of(outrider);
  CHECK(metrics.find("_timeout\"} 1") == std::string::npos);
}

TEST_CASE("surroundings: who asks while the process is stopped is not taken for idle") {
  Outrider outrider("version: 1\nworkers: 2\naccess_log: { format: none }\nlisteners:\n  egress: { bind: "
                    "\"127.0.0.1:0\", idle_timeout: 500ms, routes: [{ respond: { status: 204 } }] }\n");
  std::vector<Socket> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(Socket::connect(outrider.address()));
  for (Socket& client : clients) CHECK(status_on(client) == 204);
  outrider->signal(SIGSTOP);
  const base::Time stopped = base::Clock::now();
  for (Socket& client : clients) client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  std::this_thread::sleep_until(stopped + std::chrono::milliseconds(800));
  outrider->signal(SIGCONT);
  for (Socket& client : clients) CHECK(client.read_answer().status == 204);
}

TEST_CASE("surroundings: killed under load and started again, it has its port and its path back") {
  Origin origin(Origin::answering("x"));
  const Folder folder;
  const std::string path = folder.path / "egress.sock";
  const std::string yaml =
      "version: 1\nworkers: 2\naccess_log: { format: none }\nlisteners:\n  egress: { bind: [\"" +
      harness::unused_address().to_string() + "\", \"unix:" + path +
      "\"], routes: [{ to: app }] }\nclusters:\n  app: { url: \"" + origin.url() + "\" }\n";
  for (int i = 0; i < 3; ++i) {
    Outrider outrider(yaml);
    const base::Address egress = outrider.address();
    const base::Address unix_egress = *base::Address::parse("unix:" + path);
    std::vector<Socket> clients;
    for (const base::Address& each : {egress, unix_egress, egress, unix_egress}) {
      clients.push_back(Socket::connect(each));
      CHECK(status_on(clients.back()) == 200);
      clients.back().send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    }
    outrider->signal(SIGKILL);
    CHECK(outrider->wait() == 128 + SIGKILL);
  }
}

TEST_CASE("surroundings: a CA file that is emptied changes nothing, and says so") {
  const Folder folder;
  const fs::path ca = folder.path / "ca.pem";
  fs::copy_file(harness::certificate_path("ca.pem"), ca);
  Origin origin(harness::serving([](const harness::Ask&) { return harness::Reply{.status = 200}; },
                                 harness::Version::http1,
                                 harness::Tls::server("good", {"http/1.1"})));
  Outrider outrider(sidecar("https://" + origin.address().to_string(),
                            "access_log: { format: none }\n",
                            ", tls: { ca: " + ca.string() + " }, pool: { max_requests: 1 }"));
  const base::Address egress = outrider.address();
  CHECK(get(egress, "/").status == 200);
  std::ofstream(folder.path / "new").flush();
  fs::rename(folder.path / "new", ca);
  outrider->wait_for("cluster app: certificates changed but cannot be used, the old ones stay: ");
  const int before = origin.connections();
  for (int i = 0; i < 3; ++i) CHECK(get(egress, "/").status == 200);
  CHECK(origin.connections() > before);  // each shook hands
  fs::copy_file(harness::certificate_path("ca.pem"), folder.path / "new");
  fs::rename(folder.path / "new", ca);
  outrider->wait_for("cluster app: certificates read again");
  CHECK(get(egress, "/").status == 200);
}

// By libfaketime, the clock on the wall alone: the steady one stays.
TEST_CASE("surroundings: a clock that is set a day back or forth mints no tokens and ends nothing") {
  if (is_sanitized) {
    MESSAGE("skipped: a sanitizer is not loaded behind another library");
    return;
  }
  const char* library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
  if (!fs::exists(library)) {
    MESSAGE("skipped: libfaketime is not installed");
    return;
  }
  Origin origin(Origin::answering("x"));
  const Folder folder;
  const fs::path clock = folder.path / "clock";
  const auto set = [&](const std::string& to) { std::ofstream(clock) << to << "\n"; };
  set("+0d");
  Outrider outrider(
      "version: 1\nworkers: 1\nadmin: { bind: \"127.0.0.1:0\" }\naccess_log: { to: stdout }\n"
      "listeners:\n  egress:\n    bind: \"127.0.0.1:0\"\n    routes:\n"
      "      - { match: { path: /rare }, to: app, filters: [throttle: { rate: 1/h }] }\n"
      "      - to: app\n"
      "clusters:\n  app: { url: \"" +
          origin.url() + "\" }\n",
      {},
      {std::string("LD_PRELOAD=") + library, "FAKETIME_TIMESTAMP_FILE=" + clock.string(),
       "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1", "DONT_FAKE_MONOTONIC=1"});
  Socket client = Socket::connect(outrider.address());
  CHECK(status_on(client, "/rare") == 200);
  CHECK(status_on(client, "/rare") == 429);
  for (const int days : {1, -1, 0}) {
    set((days < 0 ? "" : "+") + std::to_string(days) + "d");
    CHECK(status_on(client, "/rare") == 429);
    CHECK(status_on(client) == 200);  // neither its connection nor the upstream's has timed out
    const std::time_t there = std::time(nullptr) + days * 24 * 60 * 60;
    const std::string day = base::timestamp(std::chrono::system_clock::from_time_t(there))
                                .substr(0, std::size("2026-01-31") - 1);
    const std::size_t before = outrider->said().size();
    CHECK(comes_to_be([&] {  // the clock is looked at once a second
      CHECK(status_on(client) == 200);
      outrider->wait_for_more();
      return outrider->said().find("\"ts\":\"" + day, before) != std::string::npos;
    }));
    CHECK(status_on(client, "/rare") == 429);
  }
  CHECK(origin.connections() == 1);
}

namespace {

// A control group of memory below the one of the test, in either version; "" = not permitted.
class MemoryGroup {
 public:
  explicit MemoryGroup(std::uint64_t bytes) {
    const std::string groups = contents("/proc/self/cgroup");
    for (const auto& [mark, root, limit] :
         {std::tuple{":memory:", "/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
          std::tuple{"0::", "/sys/fs/cgroup", "memory.max"}}) {
      const std::size_t at = groups.find(mark);
      if (at == groups.npos || !path_.empty()) continue;
      const std::size_t begin = at + std::string(mark).size();
      const fs::path made = root + groups.substr(begin, groups.find('\n', begin) - begin) +
                            "/outrider-test." + std::to_string(::getpid());
      std::error_code failed;
      if (!fs::create_directory(made, failed)) continue;
      path_ = made;
      std::ofstream file(made / limit);
      file << bytes << std::flush;
      if (!file) remove();
    }
  }
  MemoryGroup(const MemoryGroup&) = delete;
  MemoryGroup& operator=(const MemoryGroup&) = delete;
  ~MemoryGroup() { remove(); }

  const fs::path& path() const { return path_; }
  // Processes of it that were killed.
  bool has_killed() const {
    for (const char* file : {"memory.oom_control", "memory.events"})
      for (const char* mark : {"oom_kill "}) {
        const std::string text = contents(path_ / file);
        const std::size_t at = text.find(mark);
        if (at != text.npos && text[at + std::string(mark).size()] != '0') return true;
      }
    return false;
  }

 private:
  void remove() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove(path_, ignored);
    path_.clear();
  }
  fs::path path_;
};

// Of a client that sends a large body; 0 = there was no answer.
int status_of_large(const base::Address& egress) {
  static const std::string body(900 * 1024, 'x');
  try {
    Socket client = Socket::connect(egress);
    client.send("PUT /large HTTP/1.1\r\nhost: a\r\ncontent-length: " + std::to_string(body.size()) +
                "\r\n\r\n");
    client.send(body);
    return client.read_answer().status;
  } catch (const std::exception&) {
    return 0;
  }
}

}  // namespace

TEST_CASE(
    "surroundings: in a control group with little memory it is not killed, and no request fails "
    "but by shed") {
  if (is_sanitized) {
    MESSAGE("skipped: what a sanitizer itself takes is more than the group has");
    return;
  }
  const MemoryGroup group(112 * 1024 * 1024);
  if (group.path().empty()) {
    MESSAGE("skipped: no control group can be made here");
    return;
  }
  // Takes a body, and gives as much back when it may.
  std::atomic<bool> may_answer{false};
  Origin origin([&](Socket& peer) {
    for (std::string head = peer.read_head(); !head.empty(); head = peer.read_head()) {
      if (head.find(" /small ") == head.npos) may_answer.wait(false);
      bool is_whole = false;
      peer.read_body(head, is_whole);
      peer.send("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx");
    }
  });
  const Folder folder;
  const std::string file = folder.path / "outrider.yaml";
  // A retry keeps what was sent, so that it can be sent again.
  std::ofstream(file) << sidecar(origin.url(), "access_log: { format: none }\n",
                                 ", filters: [retry: { max_body: 1MiB }]");
  {
    Program outrider({"sh", "-c", "echo $$ > " + (group.path() / "cgroup.procs").string() +
                                      "; exec " + harness::outrider_binary() + " run " + file});
    outrider.wait_for("90 % of what the control group may have");
    const base::Address egress =
        *base::Address::parse(outrider.word_behind("listener egress listening on "));
    const base::Address admin = *base::Address::parse(outrider.word_behind("admin listening on "));
    std::atomic<int> failed{0};
    std::vector<std::thread> clients;
    for (int i = 0; i < 150; ++i) {
      clients.emplace_back([&] {
        const int status = status_of_large(egress);
        if (status != 503 && status != 200) ++failed;
      });
      if (i % 10 == 9) CHECK(get(admin, "/live", "localhost").status == 200);
    }
    CHECK(comes_to_be([&] {
      const std::string metrics = get(admin, "/metrics", "localhost").body;
      return value_of(metrics, "outrider_memory_bytes") > 60'000'000 ||
             metrics.find("reason=\"shed\"") != metrics.npos;
    }));
    may_answer = true;
    may_answer.notify_all();
    for (std::thread& client : clients) client.join();
    CHECK(!group.has_killed());
    CHECK(::waitpid(outrider.id(), nullptr, WNOHANG) == 0);
    CHECK(comes_to_be([&] { return get(egress, "/small").status == 200; }));
    CHECK(failed == 0);
  }
  comes_to_be([&] { return contents(group.path() / "cgroup.procs").empty(); });
}
