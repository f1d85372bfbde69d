// How spans come to the collector, and what becomes of those that do not.
#include "tests/harness/program.hpp"
#include "tests/integration/traced.hpp"

#include <utility>

using harness::Collector;
using harness::field_of;
using harness::Origin;
using harness::Outrider;
using harness::Socket;
using harness::TestProxy;
using traces::App;
using traces::ask;
using traces::drained;
using traces::fill_batch;
using traces::traced;

TEST_CASE("trace: what the collector does not take for now is sent again") {
  Collector collector([](int n) {
    return n == 0 ? "HTTP/1.1 503 Later\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n"
                  : "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
  });
  App app;
  TestProxy proxy(traced(collector.url(), app.cluster()));
  fill_batch(proxy.address());
  CHECK(collector.wait_for(512).size() == 512);
  CHECK(collector.heads().size() == 2);
  CHECK(harness::comes_to_say(proxy, "/metrics",
                              "outrider_trace_spans_total{outcome=\"exported\"} 512"));
}

TEST_CASE("trace: that the collector takes spans again is told, once") {
  Collector collector([](int n) {
    return n == 0 ? "HTTP/1.1 503 Later\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n"
                  : "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
  });
  App app;
  Outrider outrider(traced(collector.url(), app.cluster()));
  fill_batch(outrider.address());
  outrider->wait_for("trace: " + collector.url() + ": it answers 503; spans are kept and sent again");
  outrider->wait_for("trace: " + collector.url() + ": takes spans again");
}

TEST_CASE("trace: what it refuses is counted") {
  Collector collector([](int n) {
    return n == 0 ? "HTTP/1.1 400 No\r\ncontent-length: 0\r\n\r\n"
                  : "HTTP/1.1 200 OK\r\ncontent-length: 60\r\n\r\n"
                    "{\"partialSuccess\":{\"rejectedSpans\":\"1\",\"errorMessage\":\"no\"}}  ";
  });
  App app;
  TestProxy proxy(traced(collector.url(), app.cluster()));
  fill_batch(proxy.address());
  CHECK(harness::comes_to_say(proxy, "/metrics",
                              "outrider_trace_spans_total{outcome=\"rejected\"} 512"));
  fill_batch(proxy.address());
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
    fill_batch(proxy.address());
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

TEST_CASE("trace: that a collector cannot be reached, and why, is told at once; a loss by its cause") {
  App app;
  Collector refusing([](int) { return "HTTP/1.1 400 No\r\ncontent-length: 0\r\n\r\n"; });
  const std::string nobody = "http://" + harness::unused_address().to_string() + "/v1/traces";
  for (const auto& [to, words] : {std::pair(nobody, ": cannot connect: Connection refused; spans are "
                                                    "kept and sent again"),
                                  std::pair(refusing.url(), ": it answers 400; spans lost: 512")}) {
    Outrider outrider(traced(to, app.cluster()));
    fill_batch(outrider.address());
    outrider->wait_for("trace: " + to + words);
  }
}
