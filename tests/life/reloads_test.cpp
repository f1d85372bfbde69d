// Reload after reload of the binary itself: what is read again, what a mistake in it says, and what many
// of them cost.
#include "tests/harness/origin.hpp"
#include "tests/harness/program.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>
#include <unistd.h>

using harness::Answer;
using harness::get;
using harness::Origin;
using harness::Outrider;
using harness::Socket;

namespace {

namespace fs = std::filesystem;

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/outrider-reloads-XXXXXX";
    REQUIRE(::mkdtemp(name));
    path_ = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { fs::remove_all(path_); }

  std::string of(const std::string& name) const { return path_ / name; }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name) << text;
  }

 private:
  fs::path path_;
};

Answer reload(Outrider& outrider) {
  Socket client = Socket::connect(outrider.admin());
  client.send("POST /reload HTTP/1.1\r\nhost: localhost\r\nx-outrider: 1\r\ncontent-length: 0\r\n\r\n");
  return client.read_answer();
}

std::string top() {
  return "version: 1\naccess_log: { format: none }\nadmin: { bind: \"127.0.0.1:0\" }\n";
}

long resident_kib(pid_t process) {
  std::ifstream in("/proc/" + std::to_string(process) + "/status");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("VmRSS:")) return std::stol(line.substr(6));
  return 0;
}

}  // namespace

TEST_CASE("reloads: what is included, and what ${file:} names, is read again") {
  const Folder folder;
  folder.write("secret", "one\n");
  folder.write("more.yaml",
               "listeners:\n  more: { bind: \"127.0.0.1:0\", routes: [{ respond: { status: 201, "
               "headers: { x-is: \"${file:" +
                   folder.of("secret") + "}\" } } }] }\n");
  Outrider outrider(top() + "include: [\"" + folder.of("*.yaml") + "\"]\n");
  const base::Address more = outrider.address("more");
  CHECK(get(more, "/").field("x-is") == "one");
  folder.write("secret", "two\n");
  CHECK(reload(outrider).status == 200);
  CHECK(get(more, "/").field("x-is") == "two");
  folder.write("third.yaml",
               "listeners:\n  third: { bind: \"127.0.0.1:0\", routes: [{ respond: {} }] }\n");
  CHECK(reload(outrider).status == 200);
  CHECK(get(outrider.address("third"), "/").status == 200);
}

TEST_CASE("reloads: a mistake in an included file is cited as check cites it, and changes nothing") {
  const Folder folder;
  const std::string good =
      "listeners:\n  more: { bind: \"127.0.0.1:0\", routes: [{ respond: { status: 201 } }] }\n";
  folder.write("more.yaml", good);
  Outrider outrider(top() + "include: [\"" + folder.of("more.yaml") + "\"]\n");
  const base::Address more = outrider.address("more");
  const struct {
    std::string text, cited;
  } cases[] = {
      {"listeners:\n  more: { bint: \"127.0.0.1:0\", routes: [] }\n", ":2:11: "},
      {"listeners:\n  more: { bind: \"${NOT_SET_ANYWHERE}\", routes: [{ respond: {} }] }\n",
       ":2:17: "},
      {"listeners:\n  more: { bind: \"${file:" + folder.of("gone") + "}\", routes: [] }\n",
       ":2:17: "},
      {"listeners: [\n", ":"},
  };
  for (const auto& one : cases) {
    folder.write("more.yaml", one.text);
    const Answer answer = reload(outrider);
    CHECK(answer.status == 422);
    CHECK_MESSAGE(answer.body.find(folder.of("more.yaml") + one.cited) != std::string::npos,
                  answer.body);
    CHECK(get(more, "/").status == 201);
  }
  fs::remove(folder.of("more.yaml"));
  CHECK(reload(outrider).body.find("cannot read " + folder.of("more.yaml")) != std::string::npos);
  folder.write("more.yaml", good);
  CHECK(reload(outrider).status == 200);
}

TEST_CASE("reloads: the log says of listeners only what changed, and of SIGTERM that it drains") {
  const auto listening = [](const std::vector<std::string>& names) {
    std::string yaml = top() + "listeners:\n";
    for (const std::string& name : names)
      yaml += "  " + name + ": { bind: \"127.0.0.1:0\", routes: [{ respond: {} }] }\n";
    return yaml;
  };
  Outrider outrider(listening({"one", "two"}));
  outrider.admin();
  const auto lines_about_one = [&] {
    const std::string& said = outrider->said();
    int lines = 0;
    for (std::size_t at = 0; (at = said.find("listener one ", at)) != said.npos; ++at) ++lines;
    return lines;
  };
  outrider.write(listening({"one", "three"}));
  CHECK(reload(outrider).status == 200);
  outrider->wait_for("info reloaded\n");
  CHECK(outrider->said().find("info listener two takes no new connections any more\n") !=
        std::string::npos);
  CHECK(outrider->said().find("info listener three listening on ") != std::string::npos);
  CHECK(lines_about_one() == 1);
  outrider->signal(SIGTERM);
  CHECK(outrider->wait() == 0);
  CHECK(outrider->said().find("info draining\n") != std::string::npos);
  CHECK(outrider->said().find("info drained\n") != std::string::npos);
}

// One configuration in ten that stayed would show.
TEST_CASE("reloads: hundreds under load lose nothing, and leave the resident size where it was") {
  Origin origin(Origin::answering("x"));
  std::string yaml = top() + "workers: 2\nlisteners:\n  egress:\n    bind: \"127.0.0.1:0\"\n    routes:\n";
  for (int i = 0; i < 100; ++i)
    yaml += "      - { match: { path: /r" + std::to_string(i) +
            "/* }, to: app, filters: [throttle: { rate: 100000/s }] }\n";
  yaml += "      - to: app\nclusters:\n  app: { url: \"" + origin.url() +
          "\", filters: [retry: {}, circuit_breaker: {}] }\n";
  Outrider outrider(yaml);
  const base::Address egress = outrider.address();
  std::atomic<bool> is_over{false};
  std::atomic<int> failed{0}, done{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 3; ++i)
    clients.emplace_back([&, i] {
      try {
        Socket client = Socket::connect(egress);
        while (!is_over) {
          client.send("GET /r" + std::to_string(i) + "/ HTTP/1.1\r\nhost: a\r\n\r\n");
          client.read_answer().status == 200 ? ++done : ++failed;
        }
      } catch (const std::exception&) {
        ++failed;
      }
    });
  const auto reload_times = [&](int times) {
    for (int i = 0; i < times; ++i) REQUIRE(reload(outrider).status == 200);
  };
  reload_times(50);
  const long before = resident_kib(outrider->id());
  reload_times(150);
  const long after = resident_kib(outrider->id());
  is_over = true;
  for (std::thread& client : clients) client.join();
  CHECK(failed == 0);
  CHECK(done > 0);
  MESSAGE("resident: ", before, " KiB, then ", after, " KiB");
#ifndef OUTRIDER_SANITIZED
  CHECK(after < before + 6 * 1024);
#endif
  const base::Time limit = base::Clock::now() + std::chrono::seconds(10);
  std::string metrics;
  do {
    metrics = get(outrider.admin(), "/metrics", "localhost").body;
  } while (metrics.find("\noutrider_generations 2\n") == metrics.npos && base::Clock::now() < limit);
  CHECK(metrics.find("\noutrider_generations 2\n") != metrics.npos);
}
