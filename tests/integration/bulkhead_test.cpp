// Bulkheads as clients meet them: a slot is taken until the last byte, by whichever worker.
#include "tests/harness/json.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <future>

using harness::Answer;
using harness::Json;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;

namespace {

// Sends half of each answer to /held, and the rest when it is told to.
class Holding {
 public:
  Holding() : app_([this](Socket& peer) { serve(peer); }) {}
  ~Holding() { release(); }
  void release() {
    if (!is_released_) may_end_.set_value();
    is_released_ = true;
  }
  std::string url() const { return app_.url(); }

 private:
  void serve(Socket& peer) {
    for (std::string head = peer.read_head(); !head.empty(); head = peer.read_head()) {
      peer.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nha");
      if (head.find("/held") != head.npos) ended_.wait();
      peer.send("lf");
    }
  }

  std::promise<void> may_end_;
  std::shared_future<void> ended_ = may_end_.get_future().share();
  bool is_released_ = false;
  Origin app_;
};

std::string bulkhead(const Holding& app, const std::string& fields) {
  return "version: 1\n"
         "workers: 2\n"
         "access_log: { format: none }\n"
         "admin: { bind: \"127.0.0.1:0\" }\n"
         "listeners:\n"
         "  egress:\n"
         "    bind: 127.0.0.1:0\n"
         "    filters: [bulkhead: { " +
         fields +
         " }]\n"
         "    routes: [{ to: app }]\n"
         "clusters:\n"
         "  app: { url: \"" +
         app.url() + "\" }\n";
}

Socket asking(const TestProxy& proxy, const std::string& path, const std::string& more = "") {
  Socket client = Socket::connect(proxy.address());
  client.send("GET " + path + " HTTP/1.1\r\nhost: a.test\r\n" + more + "\r\n");
  return client;
}

Answer ask(const TestProxy& proxy, const std::string& path, const std::string& more = "") {
  return asking(proxy, path, more).read_answer();
}

}  // namespace

TEST_CASE("bulkhead: a slot is taken until the answer has ended, and the refusal says so") {
  Holding app;
  TestProxy proxy(bulkhead(app, "max_concurrent: 2"));
  Socket first = asking(proxy, "/held");
  Socket second = asking(proxy, "/held");
  CHECK(first.read_until("\r\n\r\nha").find("200") != std::string::npos);
  CHECK(second.read_until("\r\n\r\nha").find("200") != std::string::npos);
  for (int i = 0; i < 4; ++i) {
    const Answer refused = ask(proxy, "/", "accept: application/json\r\n");
    CHECK(refused.status == 503);
    CHECK(refused.field("retry-after") == "1");
    CHECK(refused.field("proxy-status") ==
          "outrider/outrider; error=connection_limit_reached; details=\"bulkhead_full\"");
    CHECK(Json::parse(refused.body)["reason"].text() == "bulkhead_full");
  }
  CHECK(harness::comes_to_say(proxy, "/metrics", "code=\"503\",reason=\"bulkhead_full\"} 4"));
  second.close();  // a client that leaves takes no slot with it
  Answer third = ask(proxy, "/");
  while (third.status == 503) third = ask(proxy, "/");
  CHECK(third.body == "half");
  app.release();
  CHECK(first.read_exactly(2) == "lf");
}

TEST_CASE("bulkhead: who waits gets the slot that is given back, on any worker") {
  Holding app;
  TestProxy proxy(bulkhead(app, "max_concurrent: 1, max_queue: 8, max_wait: 60s"));
  Socket first = asking(proxy, "/held");
  first.read_until("\r\n\r\nha");
  std::vector<Socket> waiting;
  for (int i = 0; i < 8; ++i) waiting.push_back(asking(proxy, "/"));
  CHECK(harness::comes_to_say(proxy, "/metrics",
                              "outrider_requests_in_flight{listener=\"egress\"} 9"));
  CHECK(ask(proxy, "/").status == 503);
  app.release();
  for (Socket& client : waiting) CHECK(client.read_answer().status == 200);
}
