// What a GraphQL request asks for, in the access log.
#include "tests/harness/json.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

using harness::Json;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;

TEST_CASE("operation: a GraphQL request is named in the log, and passes as it is") {
  Origin origin(Origin::echo());
  const std::string log = "/tmp/outrider-operation." + std::to_string(getpid());
  auto proxy = std::make_unique<TestProxy>("version: 1\nworkers: 1\naccess_log: { to: " + log +
                                           " }\nlisteners: { egress: { bind: 127.0.0.1:0, routes: "
                                           "[{ to: app, filters: [operation, retry] "
                                           "}] } }\nclusters: { app: { url: \"" +
                                           origin.url() + "\" } }\n");
  const std::string named = R"({"query":"query A { b }","operationName":"A"})";
  const std::string large =
      R"({"variables":")" + std::string(70'000, 'x') + R"(","operationName":"A"})";
  const auto post = [](const std::string& type, const std::string& body) {
    return "POST /graphql HTTP/1.1\r\nhost: a.test\r\ncontent-type: " + type +
           "\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  };
  struct Case {
    std::string request, body, operation;
  };
  const std::vector<Case> cases = {
      {post("application/json; charset=utf-8", named), named, "A"},
      {post("text/plain", named), named, ""},
      {post("application/json", large), large, ""},
      {post("application/json", "{\"query\":\"{ b }\"}"), "{\"query\":\"{ b }\"}", ""},
      {"GET /graphql?query=x&operationName=Get_1 HTTP/1.1\r\nhost: a.test\r\n\r\n", "", "Get_1"},
      {"GET /graphql?operationName=%22x HTTP/1.1\r\nhost: a.test\r\n\r\n", "", ""},
  };
  for (const Case& each : cases) {
    Socket client = Socket::connect(proxy->address());
    client.send(each.request);
    const harness::Answer answer = client.read_answer();
    CHECK(answer.status == 200);
    CHECK(answer.body == each.body);
  }
  proxy.reset();
  std::ifstream file(log);
  for (const Case& each : cases) {
    CAPTURE(each.request);
    std::string line;
    std::getline(file, line);
    const Json json = Json::parse(line);
    if (each.operation.empty())
      CHECK(json["operation"].is_null());
    else
      CHECK(json["operation"].text() == each.operation);
  }
  ::unlink(log.c_str());
}
