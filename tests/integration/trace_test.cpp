// Traces as callers, upstreams and the collector see them.
#include "tests/harness/collector.hpp"
#include "tests/harness/json.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/program.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <map>
#include <mutex>
#include <thread>

using harness::Answer;
using harness::CollectedSpan;
using harness::Collector;
using harness::field_of;
using harness::Json;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;

namespace {

const std::string id = "0af7651916cd43dd8448eb211c80319c";
const std::string caller = "b7ad6b7169203331";
const std::string sampled = "00-" + id + "-" + caller + "-01";
const std::string unsampled = "00-" + id + "-" + caller + "-00";

std::string traced(const std::string& collector, const std::string& cluster,
                   const std::string& more = "sample: 100%",
                   const std::string& listener = "direction: outbound") {
  return "version: 1\nworkers: 1\nnode: { service: shop }\naccess_log: { format: none }\n"
         "admin: { bind: \"127.0.0.1:0\" }\n"
         "trace: { to: \"" + collector + "\", " + more + " }\n"
         "listeners:\n  egress: { bind: 127.0.0.1:0, " + listener +
         ", routes: [{ name: all, to: app }] }\n"
         "clusters:\n  app: { " + cluster + " }\n";
}

Answer ask(const base::Address& proxy, const std::string& fields = "",
           const std::string& path = "/a/b?secret=1") {
  Socket client = Socket::connect(proxy);
  client.send("GET " + path + " HTTP/1.1\r\nhost: shop.test\r\n" + fields + "\r\n");
  return client.read_answer();
}

// So many requests that their spans are a batch, which goes out at once.
void fill_batch(const TestProxy& proxy) {
  Socket client = Socket::connect(proxy.address());
  for (int i = 0; i < 256; ++i) {
    client.send("GET / HTTP/1.1\r\nhost: shop.test\r\n\r\n");
    REQUIRE(client.read_answer().status == 200);
  }
}

// Keeps the heads of what it is asked.
class App {
 public:
  explicit App(std::vector<std::string> answers = {})
      : answers_(std::move(answers)), origin_([this](Socket& peer) { serve(peer); }) {}
  std::string cluster() const { return "url: \"" + origin_.url() + "\""; }
  const Origin& origin() const { return origin_; }
  std::vector<std::string> heads() const {
    const std::lock_guard lock(mutex_);
    return heads_;
  }
  std::string last_field(const std::string& name) const { return field_of(heads().back(), name); }

 private:
  void serve(Socket& peer) {
    for (std::string head = peer.read_head(); !head.empty(); head = peer.read_head()) {
      std::size_t n = 0;
      {
        const std::lock_guard lock(mutex_);
        n = heads_.size();
        heads_.push_back(head);
      }
      peer.send(n < answers_.size() ? answers_[n]
                                    : "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    }
  }

  const std::vector<std::string> answers_;
  mutable std::mutex mutex_;
  std::vector<std::string> heads_;
  Origin origin_;
};

// All that there is, once the proxy has ended.
std::vector<CollectedSpan> drained(TestProxy& proxy, const Collector& collector) {
  proxy.begin_drain();
  proxy.wait_until_ended();
  for (const std::string& problem : collector.problems()) FAIL_CHECK(problem);
  return collector.spans();
}

CollectedSpan only(const std::vector<CollectedSpan>& spans, int kind) {
  CollectedSpan found;
  int count = 0;
  for (const CollectedSpan& span : spans)
    if (span.kind == kind && ++count == 1) found = span;
  CHECK(count == 1);
  return found;
}

std::string parent_in(const std::string& traceparent) {
  return traceparent.size() == 55 ? traceparent.substr(36, 16) : "";
}

}  // namespace

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
  CHECK(server.trace_id == id);
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
  CHECK(client.trace_id == id);
  CHECK(client.parent_id == server.span_id);
  CHECK(client["server.address"] == "127.0.0.1");
  CHECK(client["server.port"] == std::to_string(app.origin().address().port()));
  CHECK(client["url.full"] == "http://shop.test/a/b");
  CHECK(client["http.response.status_code"] == "200");
  CHECK(client["http.request.resend_count"] == "");
  CHECK(app.last_field("traceparent") == "00-" + id + "-" + client.span_id + "-01");
  CHECK(app.last_field("tracestate") == "a=1,b=2");
  CHECK(collector.heads().size() == 1);
  CHECK(collector.heads()[0].starts_with("POST /v1/traces HTTP/1.1"));
}

TEST_CASE("trace: begins where there is none, and anew where it cannot be read") {
  Collector collector;
  App app;
  TestProxy proxy(traced(collector.url(), app.cluster()));
  const std::string refused[] = {"", "traceparent: ff" + sampled.substr(2) + "\r\n",
                                 "traceparent: " + sampled + "\r\ntraceparent: " + sampled + "\r\n"};
  for (const std::string& fields : refused) {
    CAPTURE(fields);
    CHECK(ask(proxy.address(), fields + "tracestate: a=1\r\n").status == 200);
    const std::string handed_on = app.last_field("traceparent");
    CHECK(handed_on.size() == 55);
    CHECK(handed_on.find(id) == std::string::npos);
    CHECK(app.last_field("tracestate").empty());
  }
  const std::vector<CollectedSpan> spans = drained(proxy, collector);
  CHECK(spans.size() == 6);
  for (const CollectedSpan& span : spans) CHECK(span.parent_id.empty() == (span.kind == 2));
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

TEST_CASE("trace: two proxies make one tree") {
  Collector collector;
  App app;
  TestProxy inner(traced(collector.url(), app.cluster(), "sample: 0%",
                         "direction: inbound, forwarded: { trust: [127.0.0.1] }"));
  TestProxy outer(
      traced(collector.url(), "url: \"http://" + inner.address().to_string() + "\", protocol: h2"));
  CHECK(ask(outer.address()).status == 200);
  drained(outer, collector);
  const std::vector<CollectedSpan> spans = drained(inner, collector);
  REQUIRE(spans.size() == 4);
  std::map<std::string, CollectedSpan> by_id;
  for (const CollectedSpan& span : spans) by_id[span.span_id] = span;
  std::vector<int> kinds;  // from the app upwards
  for (CollectedSpan at = by_id[parent_in(app.last_field("traceparent"))]; at.kind != 0;
       at = by_id[at.parent_id])
    kinds.push_back(at.kind);
  CHECK(kinds == std::vector<int>{3, 2, 3, 2});
  for (const CollectedSpan& span : spans) CHECK(span.trace_id == spans[0].trace_id);
}

TEST_CASE("trace: who is not recorded costs no span, and hands on what came") {
  Collector collector;
  App app;
  TestProxy proxy(traced(collector.url(), app.cluster(), "sample: 0%"));
  CHECK(ask(proxy.address(), "traceparent: " + unsampled + "\r\n").status == 200);
  CHECK(app.last_field("traceparent") == unsampled);
  CHECK(ask(proxy.address()).status == 200);
  CHECK(app.last_field("traceparent").ends_with("-02"));
  CHECK(ask(proxy.address(), "x-outrider-trace: 1\r\n").status == 200);
  CHECK(app.last_field("traceparent").ends_with("-03"));
  CHECK(app.last_field("x-outrider-trace").empty());
  CHECK(drained(proxy, collector).size() == 2);
}

TEST_CASE("trace: a client that is not trusted cannot have itself recorded") {
  Collector collector;
  App app;
  TestProxy proxy(
      traced(collector.url(), app.cluster(), "sample: 0%", "direction: inbound"));
  CHECK(ask(proxy.address(), "traceparent: " + sampled + "\r\nx-outrider-trace: 1\r\n").status ==
        200);
  const std::string told = app.last_field("traceparent");
  CHECK(told.substr(3, 32) == id);
  CHECK(told.ends_with("-00"));
  CHECK(parent_in(told) != caller);  // of its own span the caller said something else
  CHECK(app.last_field("x-outrider-trace").empty());
  CHECK(drained(proxy, collector).empty());
}

TEST_CASE("trace: reads B3 where it is told to, and hands it on") {
  Collector collector;
  App app;
  TestProxy proxy(
      traced(collector.url(), app.cluster(), "sample: 0%, propagation: [w3c, b3]"));
  CHECK(ask(proxy.address(), "b3: " + id + "-" + caller + "-1\r\n").status == 200);
  const std::string single = app.last_field("b3");
  CHECK(single.starts_with(id + "-"));
  CHECK(single.find(caller) == std::string::npos);
  CHECK(app.last_field("traceparent") == "00-" + single.substr(0, 49) + "-01");
  CHECK(ask(proxy.address(), "x-b3-traceid: " + id + "\r\nx-b3-spanid: " + caller +
                                 "\r\nx-b3-sampled: 1\r\n")
            .status == 200);
  CHECK(app.last_field("x-b3-spanid") == parent_in(app.last_field("traceparent")));
  CHECK(app.last_field("x-b3-spanid") != caller);
  CHECK(drained(proxy, collector).size() == 4);
}

TEST_CASE("trace: a tracestate goes on with its own trace only") {
  Collector collector;
  App app;
  TestProxy proxy(
      traced(collector.url(), app.cluster(), "sample: 0%, propagation: [b3, w3c]"));
  const std::string other(32, '7');
  CHECK(ask(proxy.address(), "traceparent: " + unsampled + "\r\ntracestate: a=1\r\nb3: " + other + "-" +
                                 caller + "-0\r\n")
            .status == 200);
  CHECK(app.last_field("traceparent").substr(3, 32) == other);
  CHECK(app.last_field("tracestate").empty());
  CHECK(ask(proxy.address(), "traceparent: " + unsampled + "\r\ntracestate: a=1\r\nb3: " + id + "-" +
                                 caller + "-0\r\n")
            .status == 200);
  CHECK(app.last_field("tracestate") == "a=1");
}

TEST_CASE("trace: without it nothing is touched, and the log still says which trace it was") {
  App app;
  TestProxy proxy(harness::egress_to(app.origin().url()));
  ask(proxy.address(), "traceparent: " + sampled + "\r\ntracestate: A=1\r\nx-outrider-trace: 1\r\n");
  CHECK(app.last_field("traceparent") == sampled);
  CHECK(app.last_field("tracestate") == "A=1");
  CHECK(app.last_field("x-outrider-trace") == "1");
}

TEST_CASE("trace: what the collector does not take for now is sent again") {
  Collector collector([](int n) {
    return n == 0 ? "HTTP/1.1 503 Later\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n"
                  : "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
  });
  App app;
  TestProxy proxy(traced(collector.url(), app.cluster()));
  fill_batch(proxy);
  CHECK(collector.wait_for(512).size() == 512);
  CHECK(collector.heads().size() == 2);
  CHECK(harness::comes_to_say(proxy, "/metrics",
                              "outrider_trace_spans_total{outcome=\"exported\"} 512"));
}

TEST_CASE("trace: what it refuses is counted") {
  Collector collector([](int n) {
    return n == 0 ? "HTTP/1.1 400 No\r\ncontent-length: 0\r\n\r\n"
                  : "HTTP/1.1 200 OK\r\ncontent-length: 60\r\n\r\n"
                    "{\"partialSuccess\":{\"rejectedSpans\":\"1\",\"errorMessage\":\"no\"}}  ";
  });
  App app;
  TestProxy proxy(traced(collector.url(), app.cluster()));
  fill_batch(proxy);
  CHECK(harness::comes_to_say(proxy, "/metrics",
                              "outrider_trace_spans_total{outcome=\"rejected\"} 512"));
  fill_batch(proxy);
  CHECK(harness::comes_to_say(proxy, "/metrics",
                              "outrider_trace_spans_total{outcome=\"rejected\"} 513"));
}

TEST_CASE("trace: a connection that the collector has closed is made anew") {
  Origin closing([](Socket& peer) {
    bool is_whole = false;
    peer.read_body(peer.read_head(), is_whole);
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
  });
  App app;
  TestProxy proxy(traced(closing.url() + "/v1/traces", app.cluster()));
  for (const char* exported : {"512", "1024"}) {
    fill_batch(proxy);
    CHECK(harness::comes_to_say(
        proxy, "/metrics",
        std::string("outrider_trace_spans_total{outcome=\"exported\"} ") + exported));
  }
  CHECK(closing.connections() == 2);
}

TEST_CASE("trace: a collector that is dead or never answers keeps neither requests nor the end") {
  App app;
  Origin silent([](Socket& peer) {
    while (!peer.read_some().empty()) {
    }
  });
  for (const std::string& to :
       {silent.url(), "http://" + harness::unused_address().to_string()}) {
    CAPTURE(to);
    TestProxy proxy(traced(to, app.cluster()));
    for (int i = 0; i < 20; ++i) CHECK(ask(proxy.address()).status == 200);
    proxy.begin_drain();
    proxy.wait_until_ended();
  }
}

TEST_CASE("trace: a reload changes where spans go, and what waits still goes where it was meant") {
  Collector first, second;
  App app;
  TestProxy proxy(traced(first.url(), app.cluster()));
  CHECK(ask(proxy.address()).status == 200);
  CHECK(proxy.reload(traced(second.url(), app.cluster())).status == 200);
  CHECK(ask(proxy.address()).status == 200);
  CHECK(first.wait_for(2).size() == 2);
  CHECK(drained(proxy, second).size() == 2);
  CHECK(first.spans().size() == 2);
}

TEST_CASE("trace: a reload begins and ends it") {
  Collector collector;
  App app;
  TestProxy proxy(harness::egress_to(app.origin().url(), "workers: 1\n"));
  CHECK(ask(proxy.address()).status == 200);
  CHECK(app.last_field("traceparent").empty());
  const std::string trace = "workers: 1\ntrace: { to: \"" + collector.url() + "\", sample: 100% }\n";
  CHECK(proxy.reload(harness::egress_to(app.origin().url(), trace)).status == 200);
  CHECK(ask(proxy.address()).status == 200);
  CHECK(app.last_field("traceparent").size() == 55);
  CHECK(proxy.reload(harness::egress_to(app.origin().url(), "workers: 1\n")).status == 200);
  CHECK(ask(proxy.address()).status == 200);
  CHECK(app.last_field("traceparent").empty());
  CHECK(collector.wait_for(2).size() == 2);
}

TEST_CASE("trace: over TLS the collector is verified, and told what the headers say") {
  const std::string tls = "sample: 100%, headers: { authorization: \"Bearer t0p\" }, tls: { ca: " +
                          harness::certificate_path("ca.pem") + ", server_name: app.test }";
  App app;
  Collector good(nullptr, harness::Tls::server("good", {"http/1.1"}));
  {
    TestProxy proxy(traced("https://" + good.address().to_string() + "/v1/traces", app.cluster(),
                           tls));
    CHECK(proxy.ask("/config").body.find("t0p") == std::string::npos);
    CHECK(ask(proxy.address()).status == 200);
    CHECK(drained(proxy, good).size() == 2);
    CHECK(field_of(good.heads()[0], "authorization") == "Bearer t0p");
  }
  Collector other(nullptr, harness::Tls::server("other", {"http/1.1"}));
  TestProxy proxy(traced("https://" + other.address().to_string() + "/v1/traces", app.cluster(),
                         tls));
  CHECK(ask(proxy.address()).status == 200);
  CHECK(drained(proxy, other).empty());
  CHECK(other.heads().empty());
}
