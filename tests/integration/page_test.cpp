// The admin side's page for people, and what it is kept up to date by.
#include "tests/harness/json.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <string>

using harness::Answer;
using harness::Json;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;

namespace {

Answer browse(const TestProxy& proxy) {
  Socket client = Socket::connect(proxy.admin());
  client.send("GET / HTTP/1.1\r\nhost: localhost\r\naccept: text/html,*/*;q=0.8\r\n\r\n");
  return client.read_answer();
}

}  // namespace

TEST_CASE("page: browsers get it, with a policy that lets nothing else in") {
  Origin origin(Origin::answering("hi"));
  TestProxy proxy(harness::egress_to(origin.url()));
  const Answer page = browse(proxy);
  CHECK(page.status == 200);
  CHECK(page.field("content-type") == "text/html; charset=utf-8");
  CHECK(page.field("x-content-type-options") == "nosniff");
  const std::string policy = page.field("content-security-policy");
  CHECK(policy.starts_with("default-src 'none'; "));
  const std::size_t at = policy.find("script-src 'nonce-");
  REQUIRE(at != policy.npos);
  const std::string nonce = policy.substr(at + 18, 32);
  CHECK(page.body.find("<script nonce=\"" + nonce + "\">") != page.body.npos);
  CHECK(page.body.find("{nonce}") == page.body.npos);
  CHECK(browse(proxy).field("content-security-policy") != policy);
  CHECK(proxy.ask("/").body.starts_with("outrider\n"));
}

TEST_CASE("page: /watch tells what goes on, again and again") {
  Origin origin(Origin::answering("hi"));
  TestProxy proxy(harness::egress_to(origin.url()));
  CHECK(harness::get(proxy.address(), "/x").status == 200);
  Socket client = Socket::connect(proxy.admin());
  client.send("GET /watch HTTP/1.1\r\nhost: localhost\r\n\r\n");
  std::string said = client.read_until("\n\n");
  const std::size_t at = said.find("data: ");
  if (at == said.npos) said += client.read_until("\n\n");
  const std::string event = said.substr(said.find("data: ") + 6);
  const Json seen = Json::parse(event.substr(0, event.find('\n')));
  CHECK(seen["stats"]["listeners"].items().front()["name"].text() == "egress");
  CHECK(seen["clusters"]["clusters"].items().front()["name"].text() == "app");
  CHECK(seen["metrics"].text().find("outrider_requests_total{listener=\"egress\"") != std::string::npos);
  CHECK(seen["metrics"].text().find("\nprocess_start_time_seconds ") != std::string::npos);  // the last
  CHECK(client.read_until("\n\n").find("data: {") != std::string::npos);
}

TEST_CASE("page: many who watch are told alike") {
  Origin origin(Origin::answering("hi"));
  TestProxy proxy(harness::egress_to(origin.url()));
  std::vector<Socket> viewers;
  for (int i = 0; i < 8; ++i) {
    viewers.push_back(Socket::connect(proxy.admin()));
    viewers.back().send("GET /watch HTTP/1.1\r\nhost: localhost\r\n\r\n");
  }
  viewers.pop_back();  // one leaves before it is told, whoever it was
  for (Socket& viewer : viewers)
    for (int events = 0; events < 2; ++events) viewer.read_until("data: {");
}
