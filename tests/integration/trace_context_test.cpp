// Which trace an exchange belongs to, who decides whether it is recorded, and what upstreams are told.
#include "tests/integration/traced.hpp"

#include <map>

using harness::CollectedSpan;
using harness::Collector;
using harness::TestProxy;
using traces::App;
using traces::ask;
using traces::caller;
using traces::drained;
using traces::parent_in;
using traces::sampled;
using traces::trace_id;
using traces::traced;
using traces::unsampled;

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
    CHECK(handed_on.find(trace_id) == std::string::npos);
    CHECK(app.last_field("tracestate").empty());
  }
  const std::vector<CollectedSpan> spans = drained(proxy, collector);
  CHECK(spans.size() == 6);
  for (const CollectedSpan& span : spans) CHECK(span.parent_id.empty() == (span.kind == 2));
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
  CHECK(told.substr(3, 32) == trace_id);
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
  CHECK(ask(proxy.address(), "b3: " + trace_id + "-" + caller + "-1\r\n").status == 200);
  const std::string single = app.last_field("b3");
  CHECK(single.starts_with(trace_id + "-"));
  CHECK(single.find(caller) == std::string::npos);
  CHECK(app.last_field("traceparent") == "00-" + single.substr(0, 49) + "-01");
  CHECK(ask(proxy.address(), "x-b3-traceid: " + trace_id + "\r\nx-b3-spanid: " + caller +
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
  CHECK(ask(proxy.address(), "traceparent: " + unsampled + "\r\ntracestate: a=1\r\nb3: " + trace_id + "-" +
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
