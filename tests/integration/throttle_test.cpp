// Throttles as a client meets them: what a refusal says, rates that two workers share, queues.
#include "tests/harness/json.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <unistd.h>

using harness::Answer;
using harness::Json;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;

namespace {

std::string throttled(const Origin& app, const std::string& fields, const std::string& top = "") {
  return "version: 1\n"
         "admin: { bind: \"127.0.0.1:0\" }\n" +
         (top.empty() ? std::string("workers: 2\naccess_log: { format: none }\n") : top) +
         "listeners:\n"
         "  egress:\n"
         "    bind: 127.0.0.1:0\n"
         "    routes: [{ name: all, to: app, filters: [throttle: { " +
         fields +
         " }] }]\n"
         "clusters:\n"
         "  app: { url: \"" +
         app.url() + "\" }\n";
}

void ask(Socket& client, const std::string& more = "", const std::string& method = "GET") {
  client.send(method + " / HTTP/1.1\r\nhost: a.test\r\n" + more + "\r\n");
}

bool says(const TestProxy& proxy, const std::string& metric) {
  return harness::comes_to_say(proxy, "/metrics", metric);
}

}  // namespace

TEST_CASE("throttle: a refusal is one word in status, fields, body, log and metrics") {
  const std::string log = "/tmp/outrider-throttle." + std::to_string(getpid());
  Origin app(Origin::answering("hello"));
  {
    TestProxy proxy(throttled(app, "rate: 1/m, name: api",
                              "workers: 1\naccess_log: { to: " + log + ", format: json }\n"));
    Socket client = Socket::connect(proxy.address());
    ask(client);
    CHECK(client.read_answer().status == 200);
    ask(client);
    const Answer refused = client.read_answer();
    CHECK(refused.status == 429);
    CHECK(refused.field("retry-after") == "60");
    CHECK(refused.field("ratelimit-policy") == "\"api\";q=1;w=60");
    CHECK(refused.field("ratelimit") == "\"api\";r=0;t=60");
    CHECK(refused.field("proxy-status") ==
          "outrider/outrider; error=http_request_denied; details=\"throttled\"");
    const Json body = Json::parse(refused.body);
    CHECK(body["status"].number() == 429);
    CHECK(body["reason"].text() == "throttled");
    CHECK(body["error"].text() == "throttled");
    CHECK(body["message"].text() == "too many requests: try again in 60 s");
    CHECK(body["retry_after"].number() == 60);
    CHECK_FALSE(body["request_id"].text().empty());
    ask(client, "", "HEAD");
    CHECK(client.read_answer(true).status == 429);
    ask(client, "content-type: application/grpc\r\n", "POST");
    const Answer grpc = client.read_answer();
    CHECK(grpc.status == 200);
    CHECK(grpc.field("grpc-status") == "8");
    CHECK(grpc.field("retry-after") == "60");
    CHECK(says(proxy,
               "outrider_throttled_total{listener=\"egress\",route=\"all\",filter=\"api\"} 3"));
    CHECK(says(proxy, "code=\"429\",reason=\"throttled\""));
  }
  std::ifstream file(log);
  std::string first, second;
  std::getline(file, first);
  std::getline(file, second);
  CHECK(Json::parse(second)["reason"].text() == "throttled");
  CHECK(Json::parse(second)["status"].number() == 429);
  ::unlink(log.c_str());
}

TEST_CASE(
    "throttle: a rate is exact over connections and workers, and a reload leaves it as it is") {
  Origin app(Origin::answering("hello"));
  const std::string text = throttled(app, "rate: 7/h");
  TestProxy proxy(text);
  std::vector<Socket> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(Socket::connect(proxy.address()));
  int admitted = 0;
  for (int round = 0; round < 3; ++round) {
    for (Socket& client : clients) ask(client);
    for (Socket& client : clients) admitted += client.read_answer().status == 200;
  }
  CHECK(admitted == 7);
  CHECK(proxy.reload(text + "x-changed: 1\n").status == 200);
  CHECK(harness::get(proxy.address(), "/").status == 429);
  CHECK(proxy.reload(throttled(app, "rate: 8/h")).status == 200);
  CHECK(harness::get(proxy.address(), "/").status == 200);
}

TEST_CASE("throttle: each client has its own rate, as it says who it is") {
  Origin app(Origin::answering("hello"));
  TestProxy proxy(throttled(app, "rate: 1/h, key: \"header:x-user\", headers: always"));
  Socket client = Socket::connect(proxy.address());
  for (const std::string user : {"ann", "bob"}) {
    ask(client, "x-user: " + user + "\r\n");
    const Answer first = client.read_answer();
    CHECK(first.status == 200);
    CHECK(first.field("ratelimit").starts_with("\"default\";r=0;t="));
    ask(client, "x-user: " + user + "\r\n");
    CHECK(client.read_answer().status == 429);
  }
}

TEST_CASE("throttle: a queue lets all in by turns, over workers, and forgets who has left") {
  Origin app(Origin::answering("hello"));
  TestProxy proxy(throttled(app, "rate: 20/s, burst: 1, on_excess: queue, max_wait: 10s"));
  std::vector<Socket> clients;
  for (int i = 0; i < 12; ++i) {
    clients.push_back(Socket::connect(proxy.address()));
    ask(clients.back());
  }
  for (int i = 3; i < 12; i += 3) clients[static_cast<std::size_t>(i)].close();
  for (Socket& client : clients)
    if (client.is_open()) CHECK(client.read_answer().status == 200);
}

TEST_CASE("throttle: a full queue refuses, and the deadline of who waits is kept") {
  Origin app(Origin::answering("hello"));
  TestProxy proxy(throttled(app, "rate: 1/h, on_excess: queue, max_queue: 1, max_wait: 2h"));
  Socket first = Socket::connect(proxy.address());
  ask(first);
  CHECK(first.read_answer().status == 200);
  // Its turn would come after the 60 s of the default timeout.
  CHECK(harness::get(proxy.address(), "/").status == 429);
  CHECK(says(proxy,
             "outrider_throttled_total{listener=\"egress\",route=\"all\","
             "filter=\"default\"} 1"));
}
