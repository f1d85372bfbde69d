// What a reload changes, what it keeps, and what it does not disturb: over real sockets.
#include "tests/harness/h2_frames.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

using harness::Answer;
using harness::comes_to_say;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;

namespace {

constexpr std::string_view request = "GET / HTTP/1.1\r\nhost: app.test\r\n\r\n";

std::string top(const std::string& more = "") {
  return "version: 1\naccess_log: { format: none }\nadmin: { bind: \"127.0.0.1:0\" }\n" + more;
}

std::string listener(const std::string& name, const std::string& routes = "[{ to: app }]",
                     const std::string& more = "bind: 127.0.0.1:0") {
  return "  " + name + ":\n    " + more + "\n    routes: " + routes + "\n";
}

std::string cluster(const std::string& url, const std::string& filters = "[]") {
  return "clusters:\n  app: { url: \"" + url + "\", filters: " + filters + " }\n";
}

std::string respond(int status) {
  return "[{ respond: { status: " + std::to_string(status) + ", body: \"" + std::to_string(status) +
         "\" } }]";
}

bool has(const TestProxy& proxy, const std::string& path, std::string_view text) {
  return proxy.ask(path).body.find(text) != std::string::npos;
}

int get_status(Socket& client) {
  client.send(request);
  return client.read_answer().status;
}

}  // namespace

TEST_CASE("reload: while files are read the admin side answers, and a second reload follows") {
  TestProxy proxy(top() + "listeners:\n" + listener("egress", respond(201)));
  const std::string slow = std::filesystem::temp_directory_path() /
                           ("outrider-slow." + std::to_string(::getpid()));
  REQUIRE(::mkfifo(slow.c_str(), 0600) == 0);
  const std::string yaml =
      top() + "listeners:\n" +
      listener("egress", "[{ respond: { status: 202, body: \"${file:" + slow + "}\" } }]");
  Answer first, second;
  std::thread reloading([&] { first = proxy.reload(yaml); });
  const int writer = ::open(slow.c_str(), O_WRONLY);  // as soon as it is read
  REQUIRE(writer >= 0);
  CHECK(has(proxy, "/live", "live"));
  CHECK(harness::get(proxy.address(), "/").status == 201);
  std::thread again([&] {
    second = proxy.reload(top() + "listeners:\n" + listener("egress", respond(203)));
  });
  CHECK(::write(writer, "x", 1) == 1);
  ::close(writer);
  reloading.join();
  again.join();
  ::unlink(slow.c_str());
  CHECK(first.status == 200);
  CHECK(second.status == 200);
  CHECK(harness::get(proxy.address(), "/").status == 203);
}

TEST_CASE("reload: an idle connection takes the new routes from its next request on") {
  TestProxy proxy(top() + "listeners:\n" + listener("egress", respond(201)));
  Socket client = Socket::connect(proxy.address());
  CHECK(get_status(client) == 201);
  const base::Address before = proxy.address();
  CHECK(proxy.reload(top() + "listeners:\n" + listener("egress", respond(202))).status == 200);
  CHECK(get_status(client) == 202);
  CHECK(proxy.address() == before);
  CHECK(harness::get(before, "/").status == 202);
  CHECK(has(proxy, "/config", "202"));
  CHECK(has(proxy, "/metrics", "outrider_config_reload_success 1"));
}

TEST_CASE("reload: what is under way ends under the configuration it began with") {
  std::atomic<bool> may_go_on{false};
  Origin origin([&](Socket& peer) {
    peer.read_head();
    peer.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n");
    while (!may_go_on) std::this_thread::yield();
    peer.send("4\r\nlast\r\n0\r\n\r\n");
    peer.read_some();
  });
  const std::string old = top() + "listeners:\n" + listener("egress") +
                          cluster(origin.url(), "[headers: { response: { add: { x-old: yes } } }]");
  TestProxy proxy(old);
  Socket client = Socket::connect(proxy.address());
  client.send(request);
  const std::string head = client.read_head();
  CHECK(harness::field_of(head, "x-old") == "yes");
  client.read_until("first\r\n");
  // Neither the cluster nor the route that it came by is there any more.
  CHECK(proxy.reload(top() + "listeners:\n" + listener("egress", respond(202))).status == 200);
  CHECK(harness::get(proxy.address(), "/").status == 202);
  may_go_on = true;
  CHECK(client.read_until("last\r\n0\r\n\r\n").ends_with("last\r\n0\r\n\r\n"));
  CHECK(get_status(client) == 202);
}

TEST_CASE("reload: a mistake leaves all as it is, and is told in full") {
  const std::string good = top() + "listeners:\n" + listener("egress", respond(201));
  TestProxy proxy(good);
  const std::string bad = top("workerz: 2\n") + "listeners:\n" +
                          listener("egress", "[{ too: app }]") + listener("more", respond(203));
  const Answer answer = proxy.reload(bad);
  CHECK(answer.status == 422);
  CHECK(answer.body.find("test.yaml:4:1") != std::string::npos);
  CHECK(answer.body.find("workerz") != std::string::npos);
  CHECK(answer.body.find("\"too\"") != std::string::npos);
  CHECK(harness::get(proxy.address(), "/").status == 201);
  CHECK(has(proxy, "/metrics", "outrider_config_reload_success 0"));
  CHECK(has(proxy, "/metrics", "outrider_config_last_reload_duration_seconds 0."));
  CHECK_FALSE(has(proxy, "/metrics", "outrider_config_last_reload_duration_seconds 0.000000\n"));
  CHECK(proxy.reload(good).status == 200);
  CHECK(has(proxy, "/metrics", "outrider_config_reload_success 1"));
}

TEST_CASE("reload: series of what it brings are there at once, at 0") {
  TestProxy proxy(top() + "listeners:\n" + listener("egress", respond(201)));
  CHECK(has(proxy, "/metrics", "outrider_config_last_reload_duration_seconds 0.000000\n"));
  CHECK(proxy
            .reload(top() + "listeners:\n" + listener("egress", respond(201)) + listener("more") +
                    cluster("http://127.0.0.1:1"))
            .status == 200);
  const std::string metrics = proxy.ask("/metrics").body;
  const std::string app = "{cluster=\"app\"";
  for (const std::string& series :
       {"outrider_request_duration_seconds_count{listener=\"more\",route=\"more.1\"," +
            app.substr(1) + "}",
        std::string("outrider_requests_in_flight{listener=\"more\"}"),
        std::string("outrider_downstream_connections{listener=\"more\"}"),
        "outrider_attempts_total" + app + ",outcome=\"2xx\"}", "outrider_pool_pending" + app + "}",
        "outrider_pool_held" + app + "}", "outrider_pool_connecting" + app + "}",
        "outrider_pool_tunnels" + app + "}", "outrider_pool_connects_total" + app + "}",
        "outrider_pool_full_total" + app + "}",
        "outrider_pool_connect_failures_total" + app + ",reason=\"tls_failure\"}"})
    CHECK_MESSAGE(metrics.find("\n" + series + " 0\n") != std::string::npos, series);
}

TEST_CASE("reload: what pools have counted never falls when they go") {
  Origin one(Origin::answering("x")), two(Origin::answering("x"));
  const auto with = [](const std::string& url, const std::string& pool = "") {
    return top("workers: 1\n") + "listeners:\n" + listener("egress") +
           "clusters:\n  app: { url: \"" + url + "\"" + pool + " }\n";
  };
  TestProxy proxy(with(one.url()));
  const auto counts = [&](int connects) {
    CHECK(harness::get(proxy.address(), "/").status == 200);
    // The configuration before is gone, and its pools with it, when another one is asked for.
    CHECK(comes_to_say(proxy, "/metrics", "outrider_generations 1\n"));
    const std::string connected = "outrider_pool_connects_total{cluster=\"app\"} ";
    CHECK(has(proxy, "/metrics", connected + std::to_string(connects) + "\n"));
  };
  counts(1);
  CHECK(proxy.reload(with(two.url())).status == 200);
  counts(2);
  CHECK(proxy.reload(with(two.url(), ", pool: { idle_http1: 3s }")).status == 200);
  counts(3);
  CHECK(
      proxy.reload(with("http://" + harness::refusing_address().to_string(), ", pool: { hold: 0s }"))
          .status == 200);
  CHECK(harness::get(proxy.address(), "/").status == 502);
  CHECK(
      has(proxy, "/metrics",
          "outrider_pool_connect_failures_total{cluster=\"app\",reason=\"connect_failure\"} 1\n"));
  CHECK(has(proxy, "/metrics", "outrider_pool_connects_total{cluster=\"app\"} 3\n"));
}

TEST_CASE("reload: what needs a restart is refused by name") {
  const std::string rest = "listeners:\n" + listener("egress", respond(201));
  TestProxy proxy(top("workers: 1\n") + rest);
  const std::string many = top("workers: 2\nlimits: { connections: 5000 }\n") + rest;
  const Answer answer = proxy.reload(many);
  CHECK(answer.status == 422);
  CHECK(answer.body.find("yaml:4:10: workers: 1 is in force and 2 is wanted") != std::string::npos);
  CHECK(answer.body.find("upgrade (`outrider upgrade`) or restart the process") !=
        std::string::npos);
  CHECK(answer.body.find("yaml:5:24: limits.connections: ") != std::string::npos);
  const Answer no_admin =
      proxy.reload("version: 1\nworkers: 1\nlisteners:\n" + listener("egress", respond(201)));
  CHECK(no_admin.body.find("admin.bind") != std::string::npos);
  CHECK(harness::get(proxy.address(), "/").status == 201);
}

TEST_CASE("reload: a port that cannot be bound refuses the whole configuration") {
  Origin taken(Origin::answering("x"));
  TestProxy proxy(top() + "listeners:\n" + listener("egress", respond(201)));
  const Answer answer =
      proxy.reload(top() + "listeners:\n" + listener("egress", respond(202)) +
                   listener("more", respond(203),
                            "bind: [\"127.0.0.1:0\", \"" + taken.address().to_string() + "\"]"));
  CHECK(answer.status == 422);
  CHECK_MESSAGE(answer.body.find(":9:27: listener more: cannot bind " +
                                 taken.address().to_string()) != std::string::npos,
                answer.body);
  CHECK(harness::get(proxy.address(), "/").status == 201);
}

TEST_CASE("reload: a changed port is opened before, and the old one closed after the step") {
  TestProxy proxy(top() + "listeners:\n" + listener("egress", respond(201)));
  const base::Address old = proxy.address();
  Socket idle = Socket::connect(old);
  CHECK(get_status(idle) == 201);
  const base::Address next = harness::unused_address();
  CHECK(proxy
            .reload(top() + "listeners:\n" +
                    listener("egress", respond(202), "bind: " + next.to_string()))
            .status == 200);
  CHECK(proxy.address() == next);
  CHECK(harness::get(next, "/").status == 202);
  CHECK(idle.read_some().empty());  // drained
  CHECK_THROWS(Socket::connect(old));
}

TEST_CASE("reload: a port that was open to all is open to this machine only, and the other way round") {
  Origin origin(Origin::answering("here"));
  const auto port = harness::unused_address().port();
  const auto at = [&](const std::string& ip) {
    return "version: 1\nadmin: { bind: \"127.0.0.1:0\" }\nlisteners:\n  egress: { bind: \"" + ip + ":" +
           std::to_string(port) + "\", direction: outbound, routes: [{ to: app }] }\n" +
           "clusters:\n  app: { url: \"" + origin.url() + "\" }\n" +
           "access_log: { to: stdout, format: none }\n";
  };
  TestProxy proxy(at("0.0.0.0"));
  const base::Address here = *base::Address::parse("127.0.0.1:" + std::to_string(port));
  CHECK(harness::get(here, "/").body == "here");
  for (const std::string ip : {"127.0.0.1", "0.0.0.0"}) {
    CAPTURE(ip);
    const Answer answer = proxy.reload(at(ip));
    CHECK_MESSAGE(answer.status == 200, answer.body);
    CHECK(proxy.address().to_string() == ip + ":" + std::to_string(port));
    CHECK(harness::get(here, "/").body == "here");
  }
}

TEST_CASE("reload: IPv4 is served by [::] whether 0.0.0.0 stands beside it or not") {
  const std::string port = std::to_string(harness::unused_address().port());
  const std::string six = listener("six", respond(202), "bind: \"[::]:" + port + "\"");
  const std::string four = listener("four", respond(201), "bind: 0.0.0.0:" + port);
  std::unique_ptr<TestProxy> proxy;
  try {
    proxy = std::make_unique<TestProxy>(top() + "listeners:\n" + six + four);
  } catch (const std::runtime_error&) {
    return;  // no IPv6 here
  }
  const base::Address here = *base::Address::parse("127.0.0.1:" + port);
  CHECK(harness::get(here, "/").status == 201);
  CHECK(proxy->reload(top() + "listeners:\n" + six).status == 200);
  CHECK(harness::get(here, "/").status == 202);
  CHECK(proxy->reload(top() + "listeners:\n" + six + four).status == 200);
  CHECK(harness::get(here, "/").status == 201);

  proxy.reset();
  proxy = std::make_unique<TestProxy>(top() + "listeners:\n" + six);
  CHECK(harness::get(here, "/").status == 202);
  CHECK(proxy->reload(top() + "listeners:\n" + six + four).status == 200);
  CHECK(harness::get(here, "/").status == 201);
  CHECK(proxy->reload(top() + "listeners:\n" + six).status == 200);
  CHECK(harness::get(here, "/").status == 202);
}

TEST_CASE("reload: a renamed listener keeps its port and its connections") {
  TestProxy proxy(top() + "listeners:\n" + listener("egress", respond(201)));
  const base::Address before = proxy.address();
  Socket client = Socket::connect(before);
  CHECK(get_status(client) == 201);
  CHECK(proxy.reload(top() + "listeners:\n" + listener("renamed", respond(202))).status == 200);
  CHECK(proxy.address("renamed") == before);
  CHECK(get_status(client) == 202);
  CHECK(has(proxy, "/metrics", "outrider_downstream_connections{listener=\"renamed\"} 1"));
}

TEST_CASE("reload: upstream connections are kept while their pool's settings are") {
  Origin origin(Origin::answering("x"));
  const auto with = [&](const std::string& more) {
    return top("workers: 1\n") + "listeners:\n" + listener("egress") +
           "clusters:\n  app: { url: \"" + origin.url() + "\"" + more + " }\n";
  };
  TestProxy proxy(with(", load_balancer: round_robin"));
  CHECK(harness::get(proxy.address(), "/").status == 200);
  CHECK(proxy.reload(with(", filters: [retry: {}]")).status == 200);
  CHECK(harness::get(proxy.address(), "/").status == 200);
  CHECK(origin.connections() == 1);
  CHECK(proxy.reload(with(", pool: { idle_http1: 3s }")).status == 200);
  CHECK(harness::get(proxy.address(), "/").status == 200);
  CHECK(origin.connections() == 2);
}

TEST_CASE("reload: a breaker keeps its state until its own fields change") {
  const auto with = [](const std::string& breaker, const std::string& more) {
    return top() + "listeners:\n" + listener("egress") +
           cluster("http://" + harness::unused_address().to_string(),
                   "[circuit_breaker: " + breaker + more + "]");
  };
  const std::string breaker = "{ request_volume: 1, failure_threshold: 1, open_for: 1h }";
  TestProxy proxy(with(breaker, ""));
  CHECK(harness::get(proxy.address(), "/").status == 502);
  CHECK(harness::get(proxy.address(), "/").status == 503);
  CHECK(has(proxy, "/metrics", "outrider_breaker_state{place=\"cluster app\"} 1"));
  // Written otherwise, and with a neighbour: the same breaker.
  CHECK(proxy
            .reload(with("{ open_for: 1h, failure_threshold: \"1\", request_volume: 1 }",
                         ", retry: {}"))
            .status == 200);
  CHECK(harness::get(proxy.address(), "/").status == 503);
  // So is one that says what held anyway, in units of its own.
  CHECK(proxy
            .reload(with("{ open_for: 60m, first_open_for: 1000ms, failure_ratio: 25%, window: "
                         "30s, failure_threshold: 1, request_volume: 1 }",
                         ""))
            .status == 200);
  CHECK(harness::get(proxy.address(), "/").status == 503);
  CHECK(
      proxy.reload(with("{ request_volume: 2, failure_threshold: 1, open_for: 1h }", "")).status ==
      200);
  CHECK(has(proxy, "/metrics", "outrider_breaker_state{place=\"cluster app\"} 0"));
  CHECK(harness::get(proxy.address(), "/").status == 502);
}

TEST_CASE("reload: under load no request fails, and old configurations are freed") {
  Origin origin(Origin::answering("x"));
  const auto with = [&](int round) {
    const std::string added = "[headers: { response: { set: { x-round: \"" + std::to_string(round) +
                              "\" } } }, circuit_breaker: {}]";
    return top("workers: 2\n") + "listeners:\n" + listener("egress") + cluster(origin.url(), added);
  };
  TestProxy proxy(with(0));
  std::atomic<bool> is_over{false};
  std::atomic<int> failed{0};
  std::atomic<int> served{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i)
    clients.emplace_back([&] {
      Socket client = Socket::connect(proxy.address());
      while (!is_over) {
        if (get_status(client) == 200)
          ++served;
        else
          ++failed;
      }
    });
  for (int round = 1; round <= 40; ++round) {
    const int before = served;
    CHECK(proxy.reload(with(round)).status == 200);
    while (served < before + 8 && failed == 0) std::this_thread::yield();
  }
  is_over = true;
  for (std::thread& client : clients) client.join();
  CHECK(failed == 0);
  CHECK(harness::get(proxy.address(), "/").field("x-round") == "40");
  CHECK(comes_to_say(proxy, "/metrics", "outrider_generations 2\n"));  // one a worker
}

TEST_CASE("reload: limits and logs follow as well") {
  const std::string log = "/tmp/outrider-reload." + std::to_string(::getpid());
  const auto with = [&](const std::string& more) {
    return "version: 1\nadmin: { bind: \"127.0.0.1:0\" }\n" + more + "listeners:\n" +
           listener("egress", respond(201));
  };
  TestProxy proxy(with("access_log: { format: none }\nlimits: { memory: 600MiB }\n"));
  CHECK(has(proxy, "/metrics", "outrider_memory_limit_bytes 629145600"));
  const std::string access_log = "access_log: { to: " + log + ", format: text }\n";
  CHECK(proxy.reload(with(access_log + "limits: { memory: 500MiB }\n")).status == 200);
  CHECK(has(proxy, "/metrics", "outrider_memory_limit_bytes 524288000"));
  CHECK(harness::get(proxy.address(), "/logged").status == 201);
  const auto logged = [&] {
    std::ifstream file(log);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  while (logged().find("/logged") == std::string::npos) std::this_thread::yield();
  const Answer refused = proxy.reload(with("access_log: { to: /nowhere/at/all }\n"));
  CHECK(refused.status == 422);
  CHECK(refused.body.find("/nowhere/at/all") != std::string::npos);
  CHECK(proxy.reload(with("access_log: { format: none }\n")).status == 200);
  CHECK(harness::get(proxy.address(), "/silent").status == 201);
  CHECK(logged().find("/silent") == std::string::npos);
  ::unlink(log.c_str());
}

TEST_CASE(
    "reload: open connections take new bounds, and end where they would be opened otherwise") {
  const auto with = [](const std::string& limits, const std::string& more) {
    return top(limits) + "listeners:\n" +
           listener("egress", respond(201), "bind: 127.0.0.1:0\n    " + more);
  };
  TestProxy proxy(with("", "protocols: [http1, h2]"));
  Socket client = Socket::connect(proxy.address());
  CHECK(get_status(client) == 201);
  CHECK(proxy.reload(with("limits: { target_bytes: 16B }\n", "protocols: [http1, h2]")).status ==
        200);
  CHECK(get_status(client) == 201);
  client.send("GET /longer/than/sixteen/bytes HTTP/1.1\r\nhost: a\r\n\r\n");
  CHECK(client.read_answer().status == 414);

  Socket other = Socket::connect(proxy.address());
  CHECK(get_status(other) == 201);
  CHECK(proxy.reload(with("", "protocols: [h2]")).status == 200);
  CHECK(other.read_some().empty());
}
