#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

using harness::Answer;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;

TEST_CASE("a request goes through, and its answer comes back") {
  Origin origin(Origin::answering("hello"));
  TestProxy proxy(harness::egress_to(origin.url()));
  const Answer answer = harness::get(proxy.address(), "/x?y=1");
  CHECK(answer.status == 200);
  CHECK(answer.body == "hello");
  CHECK(answer.is_whole);
}

TEST_CASE("one connection serves many requests, on either side") {
  Origin origin(Origin::echo());
  TestProxy proxy(harness::egress_to(origin.url()));
  Socket client = Socket::connect(proxy.address());
  for (int i = 0; i < 20; ++i) {
    const std::string body(static_cast<std::size_t>(i) * 1000, 'x');
    client.send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: " + std::to_string(body.size()) +
                "\r\n\r\n" + body);
    const Answer answer = client.read_answer();
    CHECK(answer.status == 200);
    CHECK(answer.body == body);
  }
  CHECK(origin.connections() == 1);
}

TEST_CASE("what the origin sees is the request, cleaned, with our via") {
  std::string seen;
  Origin origin([&seen](Socket& peer) {
    seen = peer.read_head();
    peer.send("HTTP/1.1 204 No Content\r\n\r\n");
  });
  TestProxy proxy(harness::egress_to(origin.url()));
  Socket client = Socket::connect(proxy.address());
  client.send(
      "GET /a%20b?c HTTP/1.1\r\nHost: Shop.test\r\nConnection: keep-alive, x-mine\r\nX-Mine: 1\r\n"
      "X_Odd: 1\r\nX-Forwarded-For: 1.2.3.4\r\nTE: trailers\r\nAccept: */*\r\n\r\n");
  CHECK(client.read_answer().status == 204);
  CHECK(seen.starts_with("GET /a%20b?c HTTP/1.1\r\n"));
  CHECK(harness::field_of(seen, "host") == "Shop.test");
  CHECK(harness::field_of(seen, "accept") == "*/*");
  CHECK(harness::field_of(seen, "via").ends_with("-egress"));
  for (const char* gone : {"x-mine", "x_odd", "x-forwarded-for", "keep-alive"})
    CHECK_MESSAGE(harness::field_of(seen, gone).empty(), gone);
}

TEST_CASE("max-forwards: OPTIONS and TRACE go as far as they may") {
  std::string seen;
  Origin origin([&seen](Socket& peer) {
    for (std::string head = peer.read_head(); !head.empty(); head = peer.read_head()) {
      seen += head.substr(0, head.find(' ')) + harness::field_of(head, "max-forwards") + ' ';
      peer.send("HTTP/1.1 204 No Content\r\n\r\n");
    }
  });
  TestProxy proxy(harness::egress_to(origin.url()));
  Socket client = Socket::connect(proxy.address());
  const auto answer_to = [&client](const std::string& method, const std::string& hops) {
    client.send(method + " /x HTTP/1.1\r\nhost: a\r\nmax-forwards: " + hops +
                "\r\nauthorization: secret\r\n\r\n");
    return client.read_answer();
  };
  CHECK(answer_to("OPTIONS", "3").status == 204);
  CHECK(answer_to("OPTIONS", "0").status == 200);
  CHECK(answer_to("TRACE", "1").status == 204);
  const Answer trace = answer_to("TRACE", "0");
  CHECK(trace.status == 200);
  CHECK(trace.field("content-type") == "message/http");
  CHECK(trace.body.starts_with("TRACE /x HTTP/1.1\r\nhost: a\r\nmax-forwards: 0\r\n"));
  CHECK(trace.body.find("secret") == trace.body.npos);
  CHECK(answer_to("GET", "0").status == 204);
  CHECK(seen == "OPTIONS2 TRACE0 GET0 ");
}

TEST_CASE("nobody behind the cluster is 502, no route 404, and both say why") {
  TestProxy proxy(
      "version: 1\n"
      "access_log: { format: none }\n"
      "listeners:\n"
      "  egress:\n"
      "    bind: 127.0.0.1:0\n"
      "    routes:\n"
      "      - { match: { path: /a/* }, to: app }\n"
      "clusters:\n"
      "  app: { url: \"http://" +
      harness::refusing_address().to_string() + "\", pool: { hold: 0s } }\n");
  const Answer refused = harness::get(proxy.address(), "/a/b");
  CHECK(refused.status == 502);
  CHECK(refused.field("proxy-status") ==
        "outrider/outrider; error=connection_refused; details=\"connect_failure\"");
  const Answer lost = harness::get(proxy.address(), "/b");
  CHECK(lost.status == 404);
  CHECK(lost.body.find("no_route") != std::string::npos);
}

TEST_CASE("routes answer, redirect and rewrite") {
  Origin origin([](Socket& peer) {
    for (std::string head = peer.read_head(); !head.empty(); head = peer.read_head()) {
      const std::string line = head.substr(0, head.find('\r'));
      peer.send("HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(line.size()) + "\r\n\r\n" +
                line);
    }
  });
  TestProxy proxy(
      "version: 1\n"
      "access_log: { format: none }\n"
      "listeners:\n"
      "  egress:\n"
      "    bind: 127.0.0.1:0\n"
      "    routes:\n"
      "      - match: { path: /blocked/* }\n"
      "        respond: { status: 403, body: \"no\\n\", headers: { content-type: text/plain } }\n"
      "      - match: { path_regex: \"^/legacy/(.*)$\" }\n"
      "        redirect: { path: \"/v1/$1\", status: 308 }\n"
      "      - match: { path: /six }\n"
      "        redirect: { host: \"2001:db8::1\", port: 81 }\n"
      "      - match: { path: /safe }\n"
      "        redirect: { scheme: https }\n"
      "      - match: { path: /v2/* }\n"
      "        to: app\n"
      "        rewrite: { path: /orders/* }\n"
      "clusters:\n"
      "  app: { url: \"" +
      origin.url() + "\" }\n");
  const Answer blocked = harness::get(proxy.address(), "/blocked");
  CHECK(blocked.status == 403);
  CHECK(blocked.body == "no\n");
  const Answer moved = harness::get(proxy.address(), "/legacy/a/b?c=d", "shop.test:81");
  CHECK(moved.status == 308);
  CHECK(moved.field("location") == "http://shop.test:81/v1/a/b?c=d");
  CHECK(harness::get(proxy.address(), "/six?a").field("location") ==
        "http://[2001:db8::1]:81/six?a");
  CHECK(harness::get(proxy.address(), "/safe?a", "shop.test:81").field("location") ==
        "https://shop.test/safe?a");
  const auto without_host = [&proxy](const std::string& path) {
    Socket client = Socket::connect(proxy.address());
    client.send("GET " + path + " HTTP/1.0\r\n\r\n");
    return client.read_answer();
  };
  CHECK(without_host("/legacy/a?c=d").field("location") == "/v1/a?c=d");
  CHECK(without_host("/six").field("location") == "http://[2001:db8::1]:81/six");
  CHECK(without_host("/safe").status == 400);
  CHECK(harness::get(proxy.address(), "/v2/7?x=1").body == "GET /orders/7?x=1 HTTP/1.1");
}

TEST_CASE("a request that came by here before is a loop") {
  std::string via;
  Origin origin([&via](Socket& peer) {
    via = harness::field_of(peer.read_head(), "via");
    peer.send("HTTP/1.1 204 No Content\r\n\r\n");
  });
  TestProxy proxy(harness::egress_to(origin.url()));
  CHECK(harness::get(proxy.address(), "/").status == 204);
  Socket client = Socket::connect(proxy.address());
  client.send("GET / HTTP/1.1\r\nhost: a\r\nvia: 1.1 other, " + via + "\r\n\r\n");
  CHECK(client.read_answer().status == 508);
}

TEST_CASE("the admin side shows pools and metrics, and knows its hosts") {
  Origin origin(Origin::answering("x"));
  TestProxy proxy(harness::egress_to(origin.url()));
  CHECK(harness::get(proxy.address(), "/").status == 200);
  CHECK(proxy.ask("/live").status == 200);
  CHECK(proxy.ask("/ready").status == 200);
  const std::string clusters = proxy.ask("/clusters").body;
  CHECK(clusters.find("\"protocol\":\"http1\"") != std::string::npos);
  CHECK(clusters.find("\"requests\":1") != std::string::npos);
  CHECK(proxy.ask("/metrics")
            .body.find(
                "outrider_requests_total{listener=\"egress\",route=\"egress.1\",cluster=\"app\","
                "method=\"GET\",code=\"200\",reason=\"\"} 1") != std::string::npos);
  CHECK(proxy.ask("/stats").body.find(proxy.address().to_string()) != std::string::npos);
  CHECK(proxy.ask("/nothing").status == 404);
  CHECK(harness::get(proxy.admin(), "/live", "evil.test").status == 403);
}

TEST_CASE("draining lets what runs finish, and then ends") {
  Origin slow([](Socket& peer) {
    peer.read_head();
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n");
    if (peer.read_exactly(4) == "more") peer.send("done");
  });
  TestProxy proxy(harness::egress_to(slow.url()));
  Socket client = Socket::connect(proxy.address());
  client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\n");
  CHECK(client.read_head().starts_with("HTTP/1.1 200"));
  proxy.begin_drain();
  harness::wait_until_refused(proxy.admin());
  client.send("more");
  CHECK(client.read_exactly(4) == "done");
  CHECK(client.read_some().empty());
  proxy.wait_until_ended();
}

// A chance of 1 in 64 that it passes where each attempt draws anew.
TEST_CASE("the cluster of a share is drawn once, also where a retry stands above the router") {
  Origin failing([](Socket& peer) {
    while (!peer.read_head().empty())
      peer.send("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
  });
  TestProxy proxy(
      "version: 1\naccess_log: { format: none }\nadmin: { bind: \"127.0.0.1:0\" }\n"
      "listeners:\n  egress:\n    bind: 127.0.0.1:0\n"
      "    filters: [retry: { max_retries: 6, backoff: { base: 1ms } }]\n"
      "    routes: [{ to: { a: 50%, b: 50% } }]\n"
      "clusters: { a: { url: \"" +
      failing.url() + "\" }, b: { url: \"" + failing.url() + "\" } }\n");
  CHECK(harness::get(proxy.address(), "/").status == 503);
  const std::string metrics = proxy.ask("/metrics").body;
  const auto has_tried = [&metrics](const std::string& cluster, const std::string& times) {
    return metrics.find("outrider_attempts_total{cluster=\"" + cluster + "\",outcome=\"5xx\"} " +
                        times + "\n") != std::string::npos;
  };
  CHECK(has_tried("a", "7") != has_tried("b", "7"));
}
