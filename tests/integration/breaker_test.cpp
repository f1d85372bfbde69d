// Circuit breakers as clients and operators meet them: by endpoint, by route, by slow calls, by hand.
#include "tests/harness/json.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/program.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <csignal>
#include <functional>

using harness::Answer;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;

namespace {

// Answers 204, or 503 while it is told to, and does something else before if it is told so.
class App {
 public:
  App() : origin_([this](Socket& peer) { serve(peer); }) {}
  std::string address() const { return origin_.address().to_string(); }
  std::string url() const { return origin_.url(); }

  std::atomic<bool> is_failing{false};
  std::function<void()> before_answer = [] {};  // told before it is asked
  std::atomic<int> asked{0};

 private:
  void serve(Socket& peer) {
    for (std::string head = peer.read_head(); !head.empty(); head = peer.read_head()) {
      ++asked;
      before_answer();
      peer.send(is_failing || head.starts_with("GET /bad") ? "HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n"
                                                           : "HTTP/1.1 204 Yes\r\n\r\n");
    }
  }

  Origin origin_;
};

// Of two routes, /a and the rest.
std::string with_breaker(const std::string& cluster, const std::string& breaker) {
  return "version: 1\n"
         "workers: 1\n"
         "admin: { bind: \"127.0.0.1:0\" }\n"
         "access_log: { format: none }\n"
         "listeners:\n"
         "  egress:\n"
         "    bind: 127.0.0.1:0\n"
         "    routes: [{ name: bad, match: { path: /bad }, to: app }, { name: rest, to: app }]\n"
         "clusters:\n"
         "  app: { " +
         cluster + ", filters: [circuit_breaker: { request_volume: 4, failure_threshold: 4, " +
         breaker + " }] }\n";
}

Answer get(const TestProxy& proxy, const std::string& path = "/x") {
  return harness::get(proxy.address(), path);
}

int post(const base::Address& to, const std::string& path) {
  Socket admin = Socket::connect(to);
  admin.send("POST " + path +
             " HTTP/1.1\r\nhost: localhost\r\nx-outrider: 1\r\ncontent-length: 0\r\n\r\n");
  return admin.read_answer().status;
}

int set(const TestProxy& proxy, const std::string& place, const std::string& state) {
  return post(proxy.admin(), "/breakers/" + place + "?state=" + state);
}

bool says(const Answer& answer, const std::string& text) {
  return answer.body.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("circuit_breaker: by endpoint, the balancer goes where none is open") {
  App well;
  App failing;
  failing.is_failing = true;
  TestProxy proxy(with_breaker("endpoints: [\"" + well.address() + "\", \"" + failing.address() +
                                   "\"], outlier: { consecutive_failures: 1000 }",
                               "scope: endpoint, first_open_for: 60s"));
  for (int i = 0; i < 100 && failing.asked < 4; ++i) get(proxy);
  CHECK(failing.asked == 4);
  for (int i = 0; i < 20; ++i) CHECK(get(proxy).status == 204);
  CHECK(failing.asked == 4);
  const std::string clusters = proxy.ask("/clusters").body;
  CHECK(clusters.find("\"place\":\"cluster app/" + failing.address() + "\",\"state\":\"open\"") !=
        clusters.npos);
  CHECK(clusters.find("\"place\":\"cluster app/" + well.address() + "\",\"state\":\"closed\"") !=
        clusters.npos);
  CHECK(harness::comes_to_say(
      proxy, "/metrics", "outrider_breaker_state{place=\"cluster app/" + failing.address() + "\"} 1"));

  well.is_failing = true;
  for (int i = 0; i < 100 && get(proxy).field("retry-after").empty(); ++i) {
  }
  const Answer refused = get(proxy);  // all are open
  CHECK(refused.status == 503);
  CHECK(says(refused, "the circuit breaker of every endpoint that may be used is open;"));
  CHECK(refused.field("proxy-status").find("circuit_open") != std::string::npos);
  CHECK(std::stoi(refused.field("retry-after")) >= 50);
  CHECK(failing.asked == 4);

  CHECK(set(proxy, "cluster%20app/" + well.address(), "open") == 200);
  CHECK(says(get(proxy), "that may be used is open, of some held so by hand;"));
  CHECK(set(proxy, "cluster%20app", "open") == 200);
  const Answer held = get(proxy);
  CHECK(says(held, "of every endpoint that may be used is held open by hand;"));
  CHECK(held.field("retry-after").empty());
}

TEST_CASE("circuit_breaker: by route, one that fails does not cost the other") {
  App app;
  TestProxy proxy(with_breaker("url: \"" + app.url() + "\"", "scope: route, first_open_for: 60s"));
  for (int i = 0; i < 4; ++i) CHECK(get(proxy, "/bad").field("retry-after").empty());
  CHECK(get(proxy, "/bad").field("proxy-status").find("circuit_open") != std::string::npos);
  for (int i = 0; i < 10; ++i) CHECK(get(proxy).status == 204);
  CHECK(harness::comes_to_say(proxy, "/metrics",
                              "outrider_breaker_state{place=\"cluster app/egress/bad\"} 1"));
  CHECK(set(proxy, "cluster%20app/egress/bad", "closed") == 200);
  CHECK(get(proxy, "/bad").field("proxy-status").empty());
}

TEST_CASE("circuit_breaker: slow calls open it, if they are meant to count") {
  // That so much time has passed is known by another request, which its timeout ends.
  const Origin silent([](Socket& peer) {
    while (!peer.read_some().empty()) {
    }
  });
  const std::string clock = "  clock: { url: \"" + silent.url() +
                            "\", filters: [timeout: { response: 25ms }] }\n";
  const auto timed = [&](std::string config) {
    const std::string routes = "routes: [";
    return config.insert(config.find(routes) + routes.size(),
                         "{ match: { path: /clock }, to: clock }, ") + clock;
  };
  App app;
  SUBCASE("they are") {
    TestProxy proxy(timed(
        with_breaker("url: \"" + app.url() + "\"", "slow: { over: 20ms }, first_open_for: 60s")));
    app.before_answer = [&] { CHECK(get(proxy, "/clock").status == 504); };
    for (int i = 0; i < 4; ++i) CHECK(get(proxy).status == 204);
    CHECK(get(proxy).field("proxy-status").find("circuit_open") != std::string::npos);
  }
  SUBCASE("they are not") {
    TestProxy proxy(timed(with_breaker("url: \"" + app.url() + "\"", "first_open_for: 60s")));
    app.before_answer = [&] { CHECK(get(proxy, "/clock").status == 504); };
    for (int i = 0; i < 6; ++i) CHECK(get(proxy).status == 204);
  }
}

TEST_CASE("circuit_breaker: who names a place without one is told which there are") {
  App app;
  const TestProxy proxy(with_breaker("url: \"" + app.url() + "\"", "window: 30s"));
  harness::Program command({harness::outrider_binary(), "breaker", "cluster ap", "open", "--admin",
                            proxy.admin().to_string()});
  command.wait_for("there is no circuit breaker of \"cluster ap\": there is \"cluster app\"");
  CHECK(command.wait() == 1);
}

TEST_CASE("circuit_breaker: is held by hand, also under another configuration, until it is let go") {
  App app;
  const std::string cluster = "url: \"" + app.url() + "\"";
  TestProxy proxy(with_breaker(cluster, "window: 30s"));
  CHECK(get(proxy).status == 204);
  CHECK(set(proxy, "cluster%20app", "open") == 200);
  const Answer refused = get(proxy);
  CHECK(refused.status == 503);
  CHECK(refused.field("proxy-status").find("circuit_open") != std::string::npos);
  CHECK(says(refused, "the circuit breaker is held open by hand;"));
  CHECK(refused.field("retry-after").empty());  // nobody knows when
  CHECK(harness::comes_to_say(proxy, "/clusters", "\"state\":\"open\",\"mode\":\"open\""));
  for (const std::string breaker : {"window: 30s", "window: 20s", "scope: endpoint"}) {
    CAPTURE(breaker);
    CHECK(proxy.reload(with_breaker(cluster, breaker) + "x-a: \"" + breaker + "\"\n").status == 200);
    CHECK(get(proxy).status == 503);
  }
  CHECK(app.asked == 1);
  CHECK(set(proxy, "cluster%20app", "closed") == 200);
  app.is_failing = true;
  for (int i = 0; i < 10; ++i) CHECK(get(proxy).field("proxy-status").empty());
  CHECK(set(proxy, "cluster%20app", "auto") == 200);
  for (int i = 0; i < 5; ++i) get(proxy);
  CHECK(get(proxy).field("proxy-status").find("circuit_open") != std::string::npos);
}

TEST_CASE("circuit_breaker: an endpoint's is held by hand also under another configuration") {
  App app;
  const std::string cluster = "endpoints: [\"" + app.address() + "\"]";
  TestProxy proxy(with_breaker(cluster, "scope: endpoint, window: 30s"));
  CHECK(get(proxy).status == 204);
  CHECK(set(proxy, "cluster%20app/" + app.address(), "open") == 200);
  CHECK(get(proxy).status == 503);
  CHECK(proxy.reload(with_breaker(cluster, "scope: endpoint, window: 20s")).status == 200);
  CHECK(get(proxy).field("proxy-status").find("circuit_open") != std::string::npos);
  CHECK(app.asked == 1);
}

TEST_CASE("circuit_breaker: what is asked of it by hand must make sense") {
  App app;
  TestProxy proxy(with_breaker("url: \"" + app.url() + "\"", "window: 30s"));
  CHECK(set(proxy, "cluster%20other", "open") == 404);
  CHECK(set(proxy, "cluster%20app/10.0.0.1:1", "open") == 404);
  CHECK(set(proxy, "%zz", "open") == 404);
  CHECK(set(proxy, "cluster%20app", "ajar") == 400);
  CHECK(get(proxy).status == 204);
}

TEST_CASE("circuit_breaker: that one held by hand is not there any more is told once") {
  App app;
  const std::string cluster = "url: \"" + app.url() + "\"";
  harness::Outrider outrider(with_breaker(cluster, "window: 30s"));
  const auto reload = [&](const std::string& config) {
    outrider.write(config);
    CHECK(post(outrider.admin(), "/reload") == 200);
  };
  CHECK(post(outrider.admin(), "/breakers/cluster%20app?state=closed") == 200);
  reload(with_breaker(cluster, "window: 20s"));
  std::string without = with_breaker(cluster, "window: 20s");
  without.replace(without.find("circuit_breaker"), without.rfind("}]") + 1 - without.find("circuit"),
                  "timeout");
  reload(without);
  outrider->wait_for("cluster app was held closed by hand, and is not in this configuration");
  reload(without + "x-a: 1\n");
  reload(with_breaker(cluster, "window: 20s"));
  outrider->signal(SIGTERM);
  CHECK(outrider->wait() == 0);
  const std::string& said = outrider->said();
  const std::string words = "was held closed by hand";
  CHECK(said.find(words) == said.rfind(words));
}
