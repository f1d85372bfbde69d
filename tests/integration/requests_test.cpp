// Why a request failed: what GET /requests keeps, what `outrider why` and `outrider tap` tell.
#include "tests/harness/json.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/program.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <sstream>
#include <unistd.h>

using harness::Answer;
using harness::Json;
using harness::Origin;
using harness::Program;
using harness::Socket;
using harness::TestProxy;

namespace {

std::string two_endpoints(const std::string& first, const std::string& second) {
  return "version: 1\naccess_log: { format: none }\nadmin: { bind: \"127.0.0.1:0\" }\n"
         "listeners:\n  egress: { bind: \"127.0.0.1:0\", filters: [request_id], routes: [{ to: app "
         "}] }\n"
         "clusters:\n  app:\n    endpoints: [\"" +
         first + "\", \"" + second +
         "\"]\n    load_balancer: round_robin\n    pool: { hold: 0s }\n    filters:\n"
         "      - retry: { max_retries: 1, backoff: { base: 1ms } }\n";
}

Answer get_with_id(const TestProxy& proxy, const std::string& id, const std::string& path = "/x") {
  Socket client = Socket::connect(proxy.address());
  client.send("GET " + path + " HTTP/1.1\r\nhost: a.test\r\nx-request-id: " + id + "\r\n\r\n");
  return client.read_answer();
}

// The first that is kept of that id, as soon as it is.
Json kept(const TestProxy& proxy, const std::string& id) {
  REQUIRE(harness::comes_to_say(proxy, "/requests?id=" + id, "\"request_id\":\"" + id + '"'));
  return Json::parse(proxy.ask("/requests?id=" + id).body)["requests"].items().front();
}

std::string said_by(Program& program) {
  program.wait();
  return program.said();
}

}  // namespace

TEST_CASE("requests: a failure is kept with each attempt, and who denied another") {
  const base::Address first = harness::unused_address();
  const base::Address second = harness::unused_address();
  TestProxy proxy(two_endpoints(first.to_string(), second.to_string()));
  CHECK(get_with_id(proxy, "failing-request").status == 502);
  const Json request = kept(proxy, "failing-request");
  CHECK(request["kept_for"].text() == "failed");
  CHECK(request["reason"].text() == "connect_failure");
  CHECK(request["route"].text() == "egress.1");
  CHECK(request["retry_denied"].text() == "max_retries");
  const std::vector<Json>& attempts = request["attempts"].items();
  REQUIRE(attempts.size() == 2);
  CHECK(attempts[0]["number"].number() == 1);
  CHECK(attempts[0]["reason"].text() == "connect_failure");
  CHECK(attempts[0]["detail"].text() == "cannot connect: Connection refused");
  CHECK(attempts[1]["number"].number() == 2);
  const Json& policy = request["policies"].items().front();
  CHECK(policy["filter"].text() == "retry");
  CHECK(policy["place"].text() == "cluster app");
  CHECK(policy["did"].text() == "denied another attempt: max_retries");
  CHECK(policy["at"].text().ends_with(":12"));
}

TEST_CASE("requests: a wait until something could be connected to is told, and what made it wait") {
  const std::string nobody = harness::unused_address().to_string();
  TestProxy proxy("version: 1\nworkers: 1\naccess_log: { format: none }\n"
                  "admin: { bind: \"127.0.0.1:0\" }\n"
                  "listeners:\n  egress: { bind: 127.0.0.1:0, filters: [request_id], "
                  "routes: [{ to: app }] }\n"
                  "clusters:\n  app: { url: \"http://" + nobody + "\", pool: { hold: 200ms } }\n");
  CHECK(get_with_id(proxy, "held-request").status == 502);
  const Json request = kept(proxy, "held-request");
  const Json attempt = request["attempts"].items().front();
  CHECK(attempt["reused"].is_null());
  CHECK(attempt["ms"]["held"].number() > 100);
  CHECK(attempt["ms"]["queue"].number() >= attempt["ms"]["held"].number());
  const Json policy = request["policies"].items().front();
  CHECK(policy["filter"].text() == "pool");
  CHECK(policy["place"].text() == "cluster app");
  CHECK(policy["did"].text() == "hold: it waited while no endpoint could be connected to");
  CHECK(policy["at"].text().ends_with(":8"));
}

TEST_CASE("requests: what was tried again is kept though it ended well") {
  Origin origin(Origin::answering("yes"));
  Origin failing([](Socket& peer) { peer.read_head(); });  // and ends the connection
  TestProxy proxy(two_endpoints(failing.address().to_string(), origin.address().to_string()));
  // One goes to the failing one first; which one chance says.
  Answer all = proxy.ask("/requests");
  for (int i = 0; i < 64 && Json::parse(all.body)["requests"].items().empty(); ++i) {
    CHECK(get_with_id(proxy, "request-000" + std::to_string(i)).status == 200);
    all = proxy.ask("/requests");
  }
  const Json requests = Json::parse(all.body)["requests"];
  REQUIRE(!requests.items().empty());
  const Json& request = requests.items().front();
  CHECK(request["kept_for"].text() == "retried");
  CHECK(request["status"].number() == 200);
  REQUIRE(request["attempts"].items().size() == 2);
  const Json& last = request["attempts"].items()[1];
  CHECK(last["status"].number() == 200);
  CHECK(last["endpoint"].text() == origin.address().to_string());
  CHECK(last["exchange_on_connection"].number() >= 1);
  CHECK_FALSE(last["ms"]["first_byte"].is_null());
  CHECK(last["bytes_received"].number() == 3);
}

TEST_CASE("requests: each attempt says how much of bodies it carried, and a hedge that it is one") {
  std::atomic<int> connections{0};
  Origin origin([&](Socket& peer) {
    const bool is_first = connections++ == 0;
    const std::string head = peer.read_head();
    bool is_whole = false;
    peer.read_body(head, is_whole);
    while (is_first && !peer.read_some().empty()) {
    }
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
  });
  TestProxy proxy(
      "version: 1\nworkers: 1\naccess_log: { format: none }\nadmin: { bind: \"127.0.0.1:0\" }\n"
      "listeners:\n  egress: { bind: 127.0.0.1:0, filters: [request_id], routes: [{ to: app }] }\n"
      "clusters:\n  app: { url: \"" +
      origin.url() + "\", filters: [retry: { hedge: { after: 30ms } }] }\n");
  Socket client = Socket::connect(proxy.address());
  client.send("PUT /x HTTP/1.1\r\nhost: a\r\nx-request-id: hedged-request\r\ncontent-length: 3\r\n"
              "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00\r\n\r\nabc");
  CHECK(client.read_answer().body == "hello");
  const Json request = kept(proxy, "hedged-request");
  CHECK(request["kept_for"].text() == "hedged");
  CHECK(request["trace_id"].text() == "0af7651916cd43dd8448eb211c80319c");
  CHECK(request["policies"].items().front()["did"].text() ==
        "hedged: began another beside a slow one");
  const std::vector<Json>& attempts = request["attempts"].items();
  REQUIRE(attempts.size() == 2);
  CHECK_FALSE(attempts[0]["hedge"].is_true());
  CHECK(attempts[0]["bytes_sent"].number() == 3);
  CHECK(attempts[0]["bytes_received"].number() == 0);
  CHECK(attempts[1]["hedge"].is_true());
  CHECK(attempts[1]["bytes_sent"].number() == 3);
  CHECK(attempts[1]["bytes_received"].number() == 5);
  Program why({harness::outrider_binary(), "why", "hedged-request", "--admin",
               proxy.admin().to_string()});
  const std::string said = said_by(why);
  for (const char* words : {"hedge   2  ", "3 bytes of body sent, 5 received",
                            "trace    0af7651916cd43dd8448eb211c80319c", "hedged: began another"})
    CHECK_MESSAGE(said.find(words) != said.npos, said);
}

TEST_CASE("commands: say who does not let them in, or what is no admin side") {
  Origin origin(Origin::answering("yes"));
  TestProxy proxy(harness::egress_to(origin.url()));
  Program wrong({harness::outrider_binary(), "status", "--admin", proxy.address().to_string()});
  CHECK(said_by(wrong).find("is not the admin side (it answers 200)") != std::string::npos);
}

TEST_CASE("commands: say that the token is another, or that the probes' port was named") {
  const std::string token = "/tmp/outrider-token." + std::to_string(::getpid());
  std::ofstream(token) << "right\n";
  TestProxy proxy("version: 1\naccess_log: { format: none }\nadmin: { bind: \"127.0.0.1:0\", probes: "
                  "\"127.0.0.1:0\", token: " +
                  token + " }\nlisteners: { e: { bind: \"127.0.0.1:0\", routes: [{ respond: {} }] } }\n");
  const auto said = [&](const base::Address& at, const std::string& variable) {
    Program status({harness::outrider_binary(), "status", "--admin", at.to_string()},
                   {"OUTRIDER_TOKEN=" + variable});
    return said_by(status);
  };
  CHECK(said(proxy.admin(), "").find("asks for a token") != std::string::npos);
  CHECK(said(proxy.admin(), "wrong").find("does not take this token") != std::string::npos);
  CHECK(said(proxy.admin(), "right").find("listener e") != std::string::npos);
  CHECK(said(proxy.probes(), "").find("has no /stats: is it `admin.probes`") != std::string::npos);
  ::unlink(token.c_str());
}

TEST_CASE("requests: what is well is not kept") {
  Origin origin(Origin::answering("yes"));
  TestProxy proxy(harness::egress_to(origin.url()));
  CHECK(harness::get(proxy.address(), "/").status == 200);
  CHECK(Json::parse(proxy.ask("/requests").body)["requests"].items().empty());
  CHECK(Json::parse(proxy.ask("/requests?id=nothing").body)["requests"].items().empty());
  CHECK(proxy.ask("/requests").field("content-type") == "application/json");
}

TEST_CASE("why: tells the story, in words and in JSON") {
  const base::Address nobody = harness::unused_address();
  TestProxy proxy(two_endpoints(nobody.to_string(), nobody.to_string()));
  get_with_id(proxy, "the-request");
  kept(proxy, "the-request");
  const std::string admin = proxy.admin().to_string();
  Program why({harness::outrider_binary(), "why", "the-request", "--admin", admin});
  const std::string said = said_by(why);
  for (const char* words : {"GET a.test/x  502 connect_failure", "attempt 1  ", "attempt 2  ",
                            "cannot connect: Connection refused",
                            "retry of cluster app: denied another attempt: max_retries"})
    CHECK_MESSAGE(said.find(words) != said.npos, said);
  CHECK(said.find('\x1b') == said.npos);
  Program json({harness::outrider_binary(), "why", "--json", "the-request", "--admin=" + admin});
  CHECK(Json::parse(said_by(json))["requests"].items().size() == 1);
  Program list({harness::outrider_binary(), "why", "--admin", admin});
  CHECK(said_by(list).find("the-request") != std::string::npos);
  Program none({harness::outrider_binary(), "why", "another", "--admin", admin});
  CHECK(none.wait() == 1);
  CHECK(none.said().find("nothing is kept of another") != std::string::npos);
}

TEST_CASE("status and top: show routes, endpoints and the last failures") {
  Origin origin(Origin::answering("yes"));
  TestProxy proxy(harness::egress_to(origin.url()));
  CHECK(harness::get(proxy.address(), "/").status == 200);
  const std::string admin = proxy.admin().to_string();
  Program status({harness::outrider_binary(), "status", "--admin", admin});
  const std::string said = said_by(status);
  for (const std::string& words : {std::string("listener egress"), std::string("cluster app"),
                                   origin.address().to_string(), std::string("req/s")})
    CHECK_MESSAGE(said.find(words) != said.npos, said);
  Program top({harness::outrider_binary(), "top", "--json", "--admin", admin});
  CHECK(Json::parse(said_by(top))["routes"].items().front()["route"].text() == "egress.1");
  Program nowhere(
      {harness::outrider_binary(), "status", "--admin", harness::unused_address().to_string()});
  CHECK(nowhere.wait() == 1);
  CHECK(nowhere.said().find("cannot reach the admin side") != std::string::npos);
}

TEST_CASE("tap: shows what its expression asks for, as it ends") {
  Origin origin(Origin::answering("yes"));
  TestProxy proxy(harness::egress_to(origin.url()));
  Socket watcher = Socket::connect(proxy.admin());
  watcher.send("GET /tap?when=path+%3D%3D+/seen* HTTP/1.1\r\nhost: localhost\r\n\r\n");
  CHECK(watcher.read_until("\r\n\r\n").find("content-type: text/event-stream") !=
        std::string::npos);
  watcher.read_until(": tap\n\n");
  harness::get(proxy.address(), "/unseen");
  harness::get(proxy.address(), "/seen/1");
  const std::string event = watcher.read_until("\n\n");
  CHECK(event.find("data: {\"ts\":") != event.npos);
  CHECK(event.find("\"path\":\"/seen/1\"") != event.npos);
  CHECK(event.find("/unseen") == event.npos);
  const Answer wrong = proxy.ask("/tap?when=statsu");
  CHECK(wrong.status == 400);
  CHECK(wrong.body.find("did you mean \"status\"?") != wrong.body.npos);
}

TEST_CASE("tap: on the command line") {
  Origin origin(Origin::answering("yes"));
  TestProxy proxy(harness::egress_to(origin.url()));
  Program tap({harness::outrider_binary(), "tap", "--json", "--admin", proxy.admin().to_string()});
  tap.wait_for("watching");
  harness::get(proxy.address(), "/tapped");
  CHECK_NOTHROW(tap.wait_for("\"path\":\"/tapped\""));
  Program wrong({harness::outrider_binary(), "tap", "statsu == 1"});
  CHECK(wrong.wait() == 2);
}

TEST_CASE("access log: lines that are lost are told to the last, and when they are taken again") {
  const std::string path = "/tmp/outrider-syslog." + std::to_string(::getpid());
  harness::Outrider outrider(
      "version: 1\nworkers: 1\naccess_log: { to: \"syslog:" + path +
      "\" }\nlisteners: { egress: { bind: \"127.0.0.1:0\", routes: [{ respond: {} }] } }\n");
  const base::Address proxy = outrider.address();
  const std::string lost = "access_log: syslog:" + path + ": No such file or directory; lines lost: 1\n";
  CHECK(harness::get(proxy, "/").status == 200);
  outrider->wait_for(lost);
  const int daemon = ::socket(AF_UNIX, SOCK_DGRAM, 0);
  const base::Address::Socket at = base::Address::parse("unix:" + path)->socket();
  REQUIRE(::bind(daemon, at.get(), at.size) == 0);
  char line[2048];
  while (::recv(daemon, line, sizeof line, MSG_DONTWAIT) <= 0)
    CHECK(harness::get(proxy, "/").status == 200);
  outrider->wait_for("access_log: syslog:" + path + ": takes lines again");
  ::close(daemon);
  ::unlink(path.c_str());
  CHECK(harness::get(proxy, "/").status == 200);
  outrider->signal(SIGTERM);
  CHECK(outrider->wait() == 0);
  const std::string& said = outrider->said();
  CHECK_MESSAGE(said.find("lines lost: ", said.find("takes lines again")) != said.npos, said);
}

TEST_CASE("access log: says what it is asked, of whom it is asked") {
  Origin origin(Origin::answering("yes"));
  const std::string file = "/tmp/outrider-lines-" + std::to_string(::getpid());
  {
    TestProxy proxy("version: 1\naccess_log: { to: " + file +
                    ", format: \"{method} {path} {status} {cluster}\", when: \"path == /kept*\" }\n"
                    "listeners:\n  egress: { bind: \"127.0.0.1:0\", routes: [{ to: app }] }\n"
                    "clusters:\n  app: { url: \"" +
                    origin.url() + "\" }\n");
    CHECK(harness::get(proxy.address(), "/left").status == 200);
    CHECK(harness::get(proxy.address(), "/kept/1").status == 200);
  }
  std::stringstream lines;
  lines << std::ifstream(file).rdbuf();
  CHECK(lines.str() == "GET /kept/1 200 app\n");
  ::unlink(file.c_str());
}
