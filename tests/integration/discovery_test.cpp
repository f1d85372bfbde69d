// Endpoints that are listed in a file, and change while there is traffic: over real sockets.
#include "tests/harness/origin.hpp"
#include "tests/harness/program.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

using harness::Answer;
using harness::comes_to_say;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;

namespace {

namespace fs = std::filesystem;

class EndpointFile {
 public:
  EndpointFile() {
    char name[] = "/tmp/outrider-discovery-XXXXXX";
    REQUIRE(::mkdtemp(name));
    folder_ = name;
  }
  EndpointFile(const EndpointFile&) = delete;
  EndpointFile& operator=(const EndpointFile&) = delete;
  ~EndpointFile() { fs::remove_all(folder_); }

  void replace(const std::string& text) const {
    std::ofstream(folder_ / ".new") << text;
    fs::rename(folder_ / ".new", path());
  }
  void lists(const std::vector<const Origin*>& origins) const {
    std::string text = origins.empty() ? "[]\n" : "";
    for (const Origin* origin : origins) text += "- " + origin->address().to_string() + "\n";
    replace(text);
  }
  std::string path() const { return folder_ / "endpoints.yaml"; }
  std::string yaml() const {
    return "version: 1\naccess_log: { format: none }\nadmin: { bind: \"127.0.0.1:0\" }\n"
           "listeners:\n  egress: { bind: 127.0.0.1:0, routes: [{ to: app }] }\n"
           "clusters:\n  app: { discovery: { file: \"" +
           path() + "\" } }\n";
  }

 private:
  fs::path folder_;
};

// Asks until the answer is this one.
bool comes_to_answer(const base::Address& proxy, const std::string& body) {
  const base::Time limit = base::Clock::now() + std::chrono::seconds(10);
  while (base::Clock::now() < limit)
    if (harness::get(proxy, "/").body == body) return true;
  return false;
}

bool has_endpoint(const TestProxy& proxy, const Origin& origin) {
  return comes_to_say(proxy, "/clusters", origin.address().to_string());
}

}  // namespace

TEST_CASE("discovery file: what vanishes takes no new exchange and finishes its old ones") {
  std::atomic<bool> may_end{false};
  Origin streaming([&](Socket& peer) {
    peer.read_head();
    peer.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n");
    while (!may_end) std::this_thread::yield();
    peer.send("4\r\nlast\r\n0\r\n\r\n");
    peer.read_some();
  });
  Origin second(Origin::answering("second"));
  const EndpointFile file;
  file.lists({&streaming});
  TestProxy proxy(file.yaml());
  Socket client = Socket::connect(proxy.address());
  client.send("GET / HTTP/1.1\r\nhost: app.test\r\n\r\n");
  client.read_until("first\r\n");
  file.lists({&second});
  CHECK(has_endpoint(proxy, second));
  for (int i = 0; i < 3; ++i) CHECK(harness::get(proxy.address(), "/").body == "second");
  CHECK(streaming.connections() == 1);
  may_end = true;
  CHECK(client.read_until("last\r\n0\r\n\r\n").ends_with("last\r\n0\r\n\r\n"));
}

TEST_CASE("discovery file: no exchange fails while the endpoints change under load") {
  Origin one(Origin::answering("one")), two(Origin::answering("two"));
  const EndpointFile file;
  file.lists({&one});
  TestProxy proxy(file.yaml());
  REQUIRE(comes_to_answer(proxy.address(), "one"));
  std::atomic<bool> is_over{false};
  std::atomic<int> failed{0}, answered{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 3; ++i)
    clients.emplace_back([&] {
      Socket client = Socket::connect(proxy.address());
      while (!is_over) {
        client.send("GET / HTTP/1.1\r\nhost: app.test\r\n\r\n");
        client.read_answer().status == 200 ? ++answered : ++failed;
      }
    });
  for (int i = 0; i < 10; ++i) {
    const Origin& next = i % 2 == 0 ? two : one;
    file.lists({&next});
    CHECK(comes_to_answer(proxy.address(), i % 2 == 0 ? "two" : "one"));
  }
  is_over = true;
  for (std::thread& client : clients) client.join();
  CHECK(failed == 0);
  CHECK(answered > 0);
}

TEST_CASE("discovery file: an empty list is no endpoint, a broken file changes nothing") {
  Origin origin(Origin::answering("here"));
  const EndpointFile file;
  file.lists({&origin});
  TestProxy proxy(file.yaml());
  REQUIRE(comes_to_answer(proxy.address(), "here"));
  CHECK(comes_to_say(proxy, "/metrics", "outrider_discovery_success{cluster=\"app\"} 1"));
  file.replace("- nowhere\n");
  CHECK(comes_to_say(proxy, "/metrics", "outrider_discovery_success{cluster=\"app\"} 0"));
  CHECK(comes_to_say(proxy, "/clusters", "what was listed before stays"));
  CHECK(harness::get(proxy.address(), "/").body == "here");
  file.lists({});
  CHECK(comes_to_say(proxy, "/metrics", "outrider_discovery_success{cluster=\"app\"} 1"));
  const Answer answer = harness::get(proxy.address(), "/");
  CHECK(answer.status == 503);
  CHECK(answer.field("proxy-status").find("no_endpoint") != std::string::npos);
  CHECK(comes_to_say(proxy, "/clusters", file.path() + " lists no endpoint"));
  file.lists({&origin});
  CHECK(comes_to_answer(proxy.address(), "here"));
  CHECK(proxy.ask("/clusters").body.find("discovery_problem") == std::string::npos);
}

TEST_CASE("discovery file: the log says where the file is broken, and what is listed by now") {
  const EndpointFile file;
  harness::Outrider outrider(file.yaml());
  outrider->wait_for("cluster app: cannot read " + file.path());
  outrider->wait_for("it has no endpoint");
  file.replace("- 127.0.0.1:1\n");
  outrider->wait_for("cluster app: 1 endpoint listed by " + file.path());
  file.replace("- 127.0.0.1:1\n- 127.0.0.2\n- 127.0.0.3\n");
  outrider->wait_for(file.path() + ":2:3: \"127.0.0.2\" has no port");
  outrider->wait_for("; " + file.path() + ":3:3: \"127.0.0.3\" has no port");
  outrider->wait_for("what was listed before stays");
  harness::Program status(
      {harness::outrider_binary(), "status", "--admin", outrider.admin().to_string()});
  status.wait_for("discovery: " + file.path() + ":2:3: \"127.0.0.2\" has no port");
  file.replace("[]\n");
  outrider->wait_for("warning cluster app: " + file.path() + " lists no endpoint");
}

TEST_CASE("discovery file: a reload keeps what was found, and may name another file") {
  Origin one(Origin::answering("one")), two(Origin::answering("two"));
  const EndpointFile first, second;
  first.lists({&one});
  second.lists({&two});
  TestProxy proxy(first.yaml());
  REQUIRE(comes_to_answer(proxy.address(), "one"));
  CHECK(proxy.reload(first.yaml()).status == 200);
  CHECK(harness::get(proxy.address(), "/").body == "one");
  CHECK(one.connections() > 0);
  CHECK(proxy.reload(second.yaml()).status == 200);
  CHECK(comes_to_answer(proxy.address(), "two"));
}

TEST_CASE("discovery file: an attempt that found no endpoint is one that was begun") {
  const EndpointFile file;
  file.lists({});
  const std::string log = file.path() + ".log";
  {
    std::string yaml = file.yaml();
    yaml.replace(yaml.find("format: none"), 12, "to: \"" + log + "\"");
    const TestProxy proxy(yaml);
    CHECK(harness::get(proxy.address(), "/").status == 503);
  }
  std::ifstream lines(log);
  std::string line;
  std::getline(lines, line);
  CHECK_MESSAGE(line.find("\"reason\":\"no_endpoint\"") != line.npos, line);
  CHECK_MESSAGE(line.find("\"attempts\":1,") != line.npos, line);
}
