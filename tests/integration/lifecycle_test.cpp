// What becomes of exchanges whose client or upstream leaves, and of connections when the proxy is
// full or ends.
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <sys/stat.h>
#include <system_error>
#include <thread>
#include <unistd.h>

using harness::Answer;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;

TEST_CASE("a client that leaves ends the upstream exchange, and is counted as gone") {
  Origin origin([](Socket& peer) {
    peer.read_head();
    peer.read_some();
  });
  TestProxy proxy(harness::egress_to(origin.url(), "workers: 1\n"));
  Socket client = Socket::connect(proxy.address());
  client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  CHECK(comes_to_say(proxy, "/clusters", "\"streams\":1"));
  client.close();
  CHECK(comes_to_say(proxy, "/metrics", "code=\"499\",reason=\"client_gone\"} 1"));
  CHECK(comes_to_say(proxy, "/stats", "\"exchanges\":0"));
  CHECK(comes_to_say(proxy, "/clusters", "\"connections\":0"));
}

// At once: nobody knows which part of it the proxy has read when the end comes.
TEST_CASE("a client that leaves in mid-body is gone, whatever was read of it and however it leaves") {
  Origin origin([](Socket& peer) {
    while (!peer.read_some().empty()) {
    }
  });
  TestProxy proxy(harness::egress_to(origin.url()));
  const auto tried = [&](const std::string& said, const std::function<void(Socket&)>& leave) {
    for (int i = 0; i < 50; ++i) {
      Socket client = Socket::connect(proxy.address());
      client.send(said);
      leave(client);
    }
  };
  const std::string head = "POST / HTTP/1.1\r\nhost: a\r\n";
  const std::string some = "content-length: 100000\r\n\r\n" + std::string(50'000, 'x');
  const std::string chunks = "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n5\r\nab";
  for (const std::string& body : {some, chunks}) {
    tried(head + body, [](Socket& client) { client.close(); });
    tried(head + body, [](Socket& client) { client.finish(), client.read_to_end(); });
  }
  CHECK(comes_to_say(proxy, "/metrics", "method=\"POST\",code=\"499\",reason=\"client_gone\"} 200\n"));
  CHECK(comes_to_say(proxy, "/clusters", "\"connections\":0"));
}

TEST_CASE("a client that pipes its request in and waits for the answer gets it, and nothing else") {
  Origin origin([](Socket& peer) {
    const std::string head = peer.read_head();
    bool is_whole = false;
    if (peer.read_body(head, is_whole) == "ok")
      peer.send("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok");
  });
  TestProxy proxy(harness::egress_to(origin.url()));
  for (const std::string version : {"1.0", "1.1"}) {
    Socket client = Socket::connect(proxy.address());
    client.send("POST / HTTP/" + version + "\r\nhost: a\r\ncontent-length: 2\r\n\r\nok");
    client.finish();
    const std::string heard = client.read_to_end();
    CHECK(heard.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(heard.ends_with("\r\n\r\nok"));
  }
}

TEST_CASE("a local name stands for both of its addresses, and an app may listen on either") {
  for (const char* where : {"127.0.0.1:0", "[::1]:0"}) {
    CAPTURE(where);
    Origin origin(Origin::answering("here"), *base::Address::parse(where));
    const std::string port = std::to_string(origin.address().port());
    TestProxy proxy(harness::egress_to("http://app.localhost:" + port));
    for (int i = 0; i < 20; ++i) {
      const Answer answer = harness::get(proxy.address(), "/");
      CHECK_MESSAGE(answer.body == "here", answer.head);
    }
    for (const std::string& each : {"127.0.0.1:" + port, "[::1]:" + port})
      CHECK(comes_to_say(proxy, "/clusters", '"' + each + '"'));
  }
}

TEST_CASE("a response that the upstream cuts is cut, whatever its framing") {
  for (const std::string framing : {"content-length: 100", "transfer-encoding: chunked"}) {
    CAPTURE(framing);
    const std::string begun = framing.starts_with("content") ? "some" : "4\r\nsome\r\n";
    Origin origin([&](Socket& peer) {
      peer.read_head();
      peer.send("HTTP/1.1 200 OK\r\n" + framing + "\r\n\r\n" + begun);
    });
    TestProxy proxy(harness::egress_to(origin.url(), "workers: 1\n"));
    const Answer answer = harness::get(proxy.address(), "/");
    CHECK(answer.status == 200);
    CHECK(answer.body == "some");
    CHECK_FALSE(answer.is_whole);
    CHECK(comes_to_say(proxy, "/metrics", "code=\"200\",reason=\"response_aborted\"} 1"));
    CHECK(comes_to_say(proxy, "/clusters", "\"connections\":0"));
  }
}

TEST_CASE("an upstream that closes instead of answering is 502, with its reason") {
  Origin origin([](Socket& peer) { peer.read_head(); });
  TestProxy proxy(harness::egress_to(origin.url()));
  const Answer answer = harness::get(proxy.address(), "/");
  CHECK(answer.status == 502);
  CHECK(answer.field("proxy-status").find("details=\"reset\"") != std::string::npos);
}

TEST_CASE("limits.connections: who asks nothing makes room for who does") {
  Origin origin([](Socket& peer) {
    while (true) {
      const std::string head = peer.read_head();
      if (head.empty() || head.starts_with("GET /held ")) break;
      peer.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    }
    peer.read_to_end();
  });
  TestProxy proxy(harness::egress_to(origin.url(), "limits: { connections: 4 }\nworkers: 1\n"));
  Socket held = Socket::connect(proxy.address());
  held.send("GET /held HTTP/1.1\r\nhost: a\r\n\r\n");
  CHECK(comes_to_say(proxy, "/metrics", "outrider_requests_in_flight{listener=\"egress\"} 1\n"));
  std::array<Socket, 3> idle;
  for (Socket& each : idle) each = Socket::connect(proxy.address());
  idle[1].send("GET /");
  idle[2].send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  CHECK(idle[2].read_answer().status == 200);
  std::vector<Socket> served;  // once the others are no longer new
  const base::Time limit = base::Clock::now() + std::chrono::seconds(10);
  while (served.size() < idle.size() && base::Clock::now() < limit) {
    Socket client = Socket::connect(proxy.address());
    try {
      client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
      if (client.read_answer().status == 200) served.push_back(std::move(client));
    } catch (const std::exception&) {  // it was still turned away
    }
  }
  CHECK(served.size() == idle.size());
  for (Socket& each : idle) CHECK(each.read_some().empty());
  CHECK(comes_to_say(proxy, "/metrics", "outrider_requests_in_flight{listener=\"egress\"} 1\n"));
}

TEST_CASE("no more connections than limits.connections, while all of them have a request") {
  std::promise<void> may_answer;
  const std::shared_future<void> answers = may_answer.get_future().share();
  Origin origin([&](Socket& peer) {
    while (!peer.read_head().empty()) {
      answers.wait();
      peer.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    }
  });
  TestProxy proxy(harness::egress_to(origin.url(), "limits: { connections: 2 }\n"));
  Socket first = Socket::connect(proxy.address());
  Socket second = Socket::connect(proxy.address());
  for (Socket* each : {&first, &second}) each->send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  CHECK(comes_to_say(proxy, "/metrics", "outrider_requests_in_flight{listener=\"egress\"} 2\n"));
  Socket third = Socket::connect(proxy.address());
  CHECK(third.read_some().empty());
  CHECK(
      comes_to_say(proxy, "/metrics", "outrider_connections_refused_total{listener=\"egress\"} 1"));
  may_answer.set_value();
  first.close();
  CHECK(comes_to_say(proxy, "/stats", "\"connections\":1"));
  CHECK(harness::get(proxy.address(), "/").status == 200);
}

TEST_CASE("draining closes inbound first; outbound goes on until the app has answered") {
  Origin remote(Origin::answering("from afar"));
  base::Address egress;
  // The app calls out while it answers.
  Origin app([&egress](Socket& peer) {
    peer.read_head();
    if (peer.read_exactly(2) != "go") return;
    const Answer answer = harness::get(egress, "/");
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(answer.body.size()) +
              "\r\n\r\n" + answer.body);
  });
  TestProxy proxy(
      "version: 1\n"
      "access_log: { format: none }\n"
      "admin: { bind: \"127.0.0.1:0\" }\n"
      "listeners:\n"
      "  ingress:\n"
      "    bind: 127.0.0.1:0\n"
      "    direction: inbound\n"
      "    routes: [{ to: app }]\n"
      "  egress:\n"
      "    bind: 127.0.0.1:0\n"
      "    routes: [{ to: remote }]\n"
      "clusters:\n"
      "  app: { url: \"" +
      app.url() +
      "\" }\n"
      "  remote: { url: \"" +
      remote.url() + "\" }\n");
  egress = proxy.address("egress");
  const base::Address ingress = proxy.address("ingress");
  Socket client = Socket::connect(ingress);
  client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n");
  CHECK(comes_to_say(proxy, "/stats", "\"exchanges\":1"));
  proxy.begin_drain();
  CHECK(comes_to_say(proxy, "/ready", "not ready"));
  harness::wait_until_refused(ingress);
  client.send("go");
  const Answer answer = client.read_answer();
  CHECK(answer.status == 200);
  CHECK(answer.body == "from afar");
  CHECK(harness::field_of(answer.head, "connection") == "close");
  proxy.wait_until_ended();
}

TEST_CASE("HTTP/2 with prior knowledge is told apart by its preface, even in pieces") {
  Origin origin(Origin::answering("x"));
  TestProxy proxy(harness::egress_to(origin.url()));
  Socket client = Socket::connect(proxy.address());
  client.send("PRI * HTTP/2.0\r\n");
  client.send("\r\nSM\r\n\r\n");
  client.send(std::string("\0\0\0\4\0\0\0\0\0", 9));
  const std::string settings = client.read_exactly(9);
  REQUIRE(settings.size() == 9);
  CHECK(settings[3] == 4);
  Socket other = Socket::connect(proxy.address());
  other.send("PR");
  other.send("OPFIND / HTTP/1.1\r\nhost: a\r\n\r\n");
  CHECK(other.read_answer().status == 200);
}

TEST_CASE("an error made before any filter has run carries the listener's request id as well") {
  const std::string log = "/tmp/outrider-request-id." + std::to_string(::getpid());
  {
    TestProxy proxy(
        "version: 1\nworkers: 1\n"
        "access_log: { to: " +
        log +
        " }\n"
        "listeners:\n"
        "  egress:\n"
        "    bind: 127.0.0.1:0\n"
        "    filters: [request_id: { header: x-trace }]\n"
        "    routes: [{ respond: { status: 200 } }]\n");
    for (const std::string& wire :
         {std::string("GET / HTTP/1.1\r\nhost: a\r\nbad field: 1\r\n\r\n"),
          "GET / HTTP/1.1\r\nhost: a\r\nx-long: " + std::string(64'000, 'x') + "\r\n\r\n"}) {
      Socket client = Socket::connect(proxy.address());
      client.send(wire);
      const Answer answer = client.read_answer();
      CHECK((answer.status == 400 || answer.status == 431));
      CHECK(answer.field("x-trace").size() == 36);
    }
  }
  ::unlink(log.c_str());
}

TEST_CASE("draining: an inbound listener that a reload took away still comes first") {
  Origin remote(Origin::answering("from afar"));
  base::Address egress;
  Origin app([&egress](Socket& peer) {
    peer.read_head();
    if (peer.read_exactly(2) != "go") return;
    Answer answer;  // often enough for a drain to have come in between
    try {
      for (int i = 0; i < 200; ++i) answer = harness::get(egress, "/");
    } catch (const std::system_error&) {
      return;
    }
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(answer.body.size()) +
              "\r\n\r\n" + answer.body);
  });
  const std::string top =
      "version: 1\n"
      "access_log: { format: none }\n"
      "admin: { bind: \"127.0.0.1:0\" }\n"
      "listeners:\n"
      "  egress: { bind: 127.0.0.1:0, routes: [{ to: remote }] }\n";
  const std::string inbound =
      "  ingress: { bind: 127.0.0.1:0, direction: inbound, routes: [{ to: app }] }\n";
  const std::string clusters = "clusters:\n  app: { url: \"" + app.url() +
                               "\" }\n  remote: { url: \"" + remote.url() + "\" }\n";
  TestProxy proxy(top + inbound + clusters);
  egress = proxy.address("egress");
  const base::Address ingress = proxy.address("ingress");
  Socket client = Socket::connect(ingress);
  client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n");
  CHECK(comes_to_say(proxy, "/stats", "\"exchanges\":1"));
  CHECK(proxy.reload(top + clusters).status == 200);
  harness::wait_until_refused(ingress);
  proxy.begin_drain();
  CHECK(comes_to_say(proxy, "/ready", "not ready"));
  client.send("go");
  CHECK(client.read_answer().body == "from afar");
  proxy.wait_until_ended();
}

TEST_CASE("unix sockets have the mode that was said, also anew, and are gone when the proxy is") {
  const std::string folder = std::filesystem::temp_directory_path() / "outrider-unix-XXXXXX";
  std::string made = folder;
  REQUIRE(mkdtemp(made.data()));
  const std::string listener = made + "/egress";
  const std::string admin = made + "/admin";
  {
    const auto yaml = [&](const std::string& of_admin, const std::string& mode) {
      return "version: 1\naccess_log: { format: none }\nadmin: { bind: \"unix:" + admin + "\"" +
             of_admin + " }\nlisteners:\n  egress: { bind: \"unix:" + listener + "\", mode: \"" +
             mode + "\", routes: [{ respond: { status: 204 } }] }\n";
    };
    TestProxy proxy(yaml("", "0600"));
    CHECK(harness::get(proxy.address(), "/").status == 204);
    struct stat status {};
    REQUIRE(::stat(listener.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    REQUIRE(::stat(admin.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0660);
    CHECK(proxy.reload(yaml(", mode: \"0640\"", "0666")).status == 200);
    REQUIRE(::stat(listener.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0666);
    REQUIRE(::stat(admin.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0640);
    CHECK(proxy.reload(yaml(", owner: nobody-at-all", "0600")).status == 422);
    REQUIRE(::stat(admin.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0640);
    proxy.begin_drain();
    proxy.wait_until_ended();
  }
  CHECK_FALSE(std::filesystem::exists(listener));
  CHECK_FALSE(std::filesystem::exists(admin));
  std::filesystem::remove_all(made);
}

TEST_CASE(
    "unix sockets: who drains leaves the paths to its successor, and does not take them back") {
  std::string folder = std::filesystem::temp_directory_path() / "outrider-unix-XXXXXX";
  REQUIRE(mkdtemp(folder.data()));
  const std::string listener = folder + "/egress";
  const std::string admin = folder + "/admin";
  std::promise<void> may_answer;
  std::future<void> answers = may_answer.get_future();
  Origin origin([&answers](Socket& peer) {
    peer.read_head();
    answers.wait();
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  });
  const auto yaml = [&](const std::string& route) {
    return "version: 1\naccess_log: { format: none }\nadmin: { bind: \"unix:" + admin +
           "\" }\nlisteners:\n  egress: { bind: \"unix:" + listener + "\", routes: [" + route +
           "] }\nclusters: { app: { url: \"" + origin.url() + "\" } }\n";
  };
  const std::string forwards = yaml("{ to: app }");
  auto first = std::make_unique<TestProxy>(forwards);
  Socket client = Socket::connect(first->address());
  client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  CHECK(comes_to_say(*first, "/stats", "\"exchanges\":1"));
  first->begin_drain();
  const auto is_gone = [](const std::string& path) { return ::access(path.c_str(), F_OK) != 0; };
  while (!is_gone(listener) || !is_gone(admin)) std::this_thread::yield();
  TestProxy second(yaml("{ respond: { status: 204 } }"));
  may_answer.set_value();
  CHECK(client.read_answer().status == 200);
  first->wait_until_ended();
  first.reset();
  CHECK(harness::get(second.address(), "/").status == 204);
  CHECK(second.ask("/ready").status == 200);
  std::filesystem::remove_all(folder);
}
