// What the spans of an exchange say.
#include "tests/integration/traced.hpp"

#include <atomic>
#include <map>

using harness::CollectedSpan;
using harness::Collector;
using harness::field_of;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;
using traces::App;
using traces::ask;
using traces::caller;
using traces::drained;
using traces::only;
using traces::parent_in;
using traces::sampled;
using traces::trace_id;
using traces::traced;

TEST_CASE("trace: a trace goes on from the caller to the upstream") {
  Collector collector;
  App app;
  TestProxy proxy(traced(collector.url(), app.cluster()));
  CHECK(ask(proxy.address(),
            "traceparent: " + sampled + "\r\ntracestate: a=1\r\ntracestate: b=2\r\n")
            .status == 200);
  const std::vector<CollectedSpan> spans = drained(proxy, collector);
  REQUIRE(spans.size() == 2);
  const CollectedSpan server = only(spans, 2), client = only(spans, 3);
  CHECK(server.service == "shop");
  CHECK(server.trace_id == trace_id);
  CHECK(server.parent_id == caller);
  CHECK(server.trace_state == "a=1,b=2");
  CHECK(server.name == "GET all");
  CHECK(server.status == 0);
  CHECK(server["http.request.method"] == "GET");
  CHECK(server["url.path"] == "/a/b");
  CHECK(server["url.scheme"] == "http");
  CHECK(server["http.route"] == "all");
  CHECK(server["http.response.status_code"] == "200");
  CHECK(server["network.protocol.version"] == "1.1");
  CHECK(server["server.address"] == "shop.test");
  CHECK(client.trace_id == trace_id);
  CHECK(client.parent_id == server.span_id);
  CHECK(client["server.address"] == "127.0.0.1");
  CHECK(client["server.port"] == std::to_string(app.origin().address().port()));
  CHECK(client["url.full"] == "http://shop.test/a/b");
  CHECK(client["http.response.status_code"] == "200");
  CHECK(client["http.request.resend_count"] == "");
  CHECK(app.last_field("traceparent") == "00-" + trace_id + "-" + client.span_id + "-01");
  CHECK(app.last_field("tracestate") == "a=1,b=2");
  CHECK(collector.heads().size() == 1);
  CHECK(collector.heads()[0].starts_with("POST /v1/traces HTTP/1.1"));
}

TEST_CASE("trace: each attempt has a span of its own, which its upstream is told") {
  Collector collector;
  App app({"HTTP/1.1 503 No\r\ncontent-length: 4\r\n\r\nbusy"});
  TestProxy proxy(traced(collector.url(),
                         app.cluster() + ", filters: [retry: { backoff: { base: 1ms } }]"));
  CHECK(ask(proxy.address(), "traceparent: " + sampled + "\r\n").status == 200);
  const std::vector<CollectedSpan> spans = drained(proxy, collector);
  REQUIRE(spans.size() == 3);
  const CollectedSpan server = only(spans, 2);
  std::map<std::string, CollectedSpan> by_id;
  for (const CollectedSpan& span : spans)
    if (span.kind == 3) by_id[span.span_id] = span;
  REQUIRE(app.heads().size() == 2);
  const CollectedSpan first = by_id[parent_in(field_of(app.heads()[0], "traceparent"))];
  const CollectedSpan second = by_id[parent_in(field_of(app.heads()[1], "traceparent"))];
  CHECK(first.parent_id == server.span_id);
  CHECK(second.parent_id == server.span_id);
  CHECK(first.status == 2);
  CHECK(first.error_type == "503");
  CHECK(first["http.request.resend_count"] == "");
  CHECK(second.status == 0);
  CHECK(second["http.request.resend_count"] == "1");
  CHECK(first.ended <= second.started);
  CHECK(server.status == 0);
}

TEST_CASE("trace: each attempt for an answer that may be shared has a span of its own") {
  Collector collector;
  App app({"HTTP/1.1 503 No\r\ncontent-length: 4\r\n\r\nbusy"});
  TestProxy proxy(traced(collector.url(),
                         app.cluster() + ", filters: [collapse, retry: { backoff: { base: 1ms } }]"));
  CHECK(ask(proxy.address()).status == 200);
  const std::vector<CollectedSpan> spans = drained(proxy, collector);
  REQUIRE(spans.size() == 3);
  const CollectedSpan server = only(spans, 2);
  for (const CollectedSpan& span : spans) {
    if (span.kind != 3) continue;
    const bool is_second = span["http.request.resend_count"] == "1";
    CHECK(span.parent_id == server.span_id);
    CHECK(span["http.response.status_code"] == (is_second ? "200" : "503"));
  }
}

TEST_CASE("trace: a hedge stands beside the attempt that was slow") {
  std::atomic<int> connections{0};
  Origin origin([&](Socket& peer) {
    if (connections++ == 0) {
      while (!peer.read_some().empty()) {
      }
      return;
    }
    while (!peer.read_head().empty()) peer.send("HTTP/1.1 204 No\r\n\r\n");
  });
  Collector collector;
  TestProxy proxy(traced(collector.url(), "url: \"" + origin.url() +
                                              "\", filters: [retry: { hedge: { after: 30ms } }]"));
  CHECK(ask(proxy.address()).status == 204);
  const std::vector<CollectedSpan> spans = drained(proxy, collector);
  REQUIRE(spans.size() == 3);
  const CollectedSpan server = only(spans, 2);
  for (const CollectedSpan& span : spans) {
    if (span.kind != 3) continue;
    CHECK(span.parent_id == server.span_id);
    const bool is_hedge = span["outrider.hedge"] == "true";
    CHECK(span["http.request.resend_count"] == (is_hedge ? "1" : ""));
    CHECK(span["outrider.reason"] == (is_hedge ? "" : "outrun"));
    CHECK(span["http.response.status_code"] == (is_hedge ? "204" : ""));
  }
}

TEST_CASE("trace: of failures says the reason") {
  Collector collector;
  const base::Address nobody = harness::unused_address();
  TestProxy proxy(traced(collector.url(),
                         "url: \"http://" + nobody.to_string() + "\", pool: { hold: 0s }"));
  CHECK(ask(proxy.address()).status == 502);
  const std::vector<CollectedSpan> spans = drained(proxy, collector);
  REQUIRE(spans.size() == 2);
  CHECK(only(spans, 2).status == 2);
  CHECK(only(spans, 2).error_type == "connect_failure");
  CHECK(only(spans, 2)["http.response.status_code"] == "502");
  CHECK(only(spans, 3).error_type == "connect_failure");
  CHECK(only(spans, 3)["http.response.status_code"] == "");
}

TEST_CASE("trace: an error of the client's is none of the server's") {
  Collector collector;
  App app({"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n"});
  TestProxy proxy(traced(collector.url(), app.cluster()));
  CHECK(ask(proxy.address()).status == 404);
  const std::vector<CollectedSpan> spans = drained(proxy, collector);
  REQUIRE(spans.size() == 2);
  CHECK(only(spans, 2).status == 0);
  CHECK(only(spans, 3).status == 2);
  CHECK(only(spans, 3).error_type == "404");
}

TEST_CASE("trace: of gRPC calls says service, method and status") {
  Collector collector;
  App app({"HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ngrpc-status: 14\r\n"
           "content-length: 0\r\n\r\n"});
  TestProxy proxy(traced(collector.url(), app.cluster()));
  ask(proxy.address(), "content-type: application/grpc\r\nte: trailers\r\n",
      "/shop.v1.Orders/Place");
  const std::vector<CollectedSpan> spans = drained(proxy, collector);
  REQUIRE(spans.size() == 2);
  for (const CollectedSpan& span : spans) {
    CHECK(span.name == "shop.v1.Orders/Place");
    CHECK(span["rpc.system"] == "grpc");
    CHECK(span["rpc.service"] == "shop.v1.Orders");
    CHECK(span["rpc.method"] == "Place");
    CHECK(span["rpc.grpc.status_code"] == "14");
    CHECK(span.status == 2);
  }
}

TEST_CASE("trace: a request that is refused before it has a route has a span of its own") {
  Collector collector;
  App app;
  TestProxy proxy(traced(collector.url(), app.cluster()));
  CHECK(ask(proxy.address(), "content-length: many\r\n").status == 400);
  const std::vector<CollectedSpan> spans = drained(proxy, collector);
  const CollectedSpan server = only(spans, 2);
  CHECK(spans.size() == 1);
  CHECK(server.name == "GET");
  CHECK(server["url.path"] == "/a/b");
  CHECK(server["http.route"] == "");
  CHECK(server["http.response.status_code"] == "400");
  CHECK(server["outrider.reason"] == "bad_request");
  CHECK(server.status == 0);  // the client's mistake, not the server's
}

TEST_CASE("trace: a mirror's attempt stands within the span of what it is a copy of, and says so") {
  Collector collector;
  App app, shadow;
  TestProxy proxy("version: 1\nworkers: 1\naccess_log: { format: none }\n"
                  "admin: { bind: \"127.0.0.1:0\" }\n"
                  "trace: { to: \"" + collector.url() + "\", sample: 100% }\n"
                  "listeners:\n  egress: { bind: 127.0.0.1:0, "
                  "routes: [{ to: app, mirror: { to: shadow } }] }\n"
                  "clusters:\n  app: { " + app.cluster() + " }\n  shadow: { " + shadow.cluster() + " }\n");
  CHECK(ask(proxy.address()).status == 200);
  REQUIRE(harness::comes_to_say(proxy, "/metrics",
                                "outrider_attempts_total{cluster=\"shadow\",outcome=\"2xx\"} 1"));
  const std::vector<CollectedSpan> spans = drained(proxy, collector);
  REQUIRE(spans.size() == 3);
  const CollectedSpan server = only(spans, 2);
  for (const CollectedSpan& span : spans) {
    if (span.kind == 2) continue;
    const bool is_copy = span["outrider.cluster"] == "shadow";
    CHECK(span.parent_id == server.span_id);
    CHECK(span["outrider.mirror"] == (is_copy ? "true" : ""));
    CHECK(parent_in((is_copy ? shadow : app).last_field("traceparent")) == span.span_id);
  }
}
