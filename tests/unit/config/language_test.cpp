// What the language's page says may be written, what it says may not, and what is not built.
#include "tests/unit/config/files.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

using namespace config_test;

struct Refused {
  std::string text;
  std::string words;
};

void check_refused(const std::vector<Refused>& cases) {
  for (const auto& [text, words] : cases) {
    CAPTURE(text);
    const std::string mistakes = mistakes_of(text);
    CAPTURE(mistakes);
    CHECK(mistakes.find(words) != mistakes.npos);
  }
}

void check_accepted(const std::vector<std::string>& cases) {
  for (const std::string& text : cases) {
    CAPTURE(text);
    CHECK(mistakes_of(text) == "");
  }
}

TEST_CASE("config language: every default of the process may be written out") {
  check_accepted({
      with_top("workers: auto"),
      with_top("node: { service: outrider, id: my-host, zone: local }"),
      with_top("log: { to: stderr, level: info, format: text }"),
      with_top("limits: { connections: 10000, source_connections: 1024, header_bytes: 32KiB, "
               "header_count: 100, target_bytes: 8KiB, trailer_bytes: 32KiB, "
               "response_header_bytes: 64KiB, response_header_count: 200, memory: 256MiB }"),
      with_top("drain: { delay: 0s, timeout: 30s }"),
      with_top("access_log: { to: stdout, format: json }"),
      with_top("admin: { bind: \"127.0.0.1:15000\" }"),
      with_top("access_log: { to: \"syslog:/dev/log\" }"),
      with_top("trace: { to: \"http://127.0.0.1:4318/v1/traces\", sample: 1%, "
               "headers: { authorization: token }, propagation: [w3c] }"),
      with_top("trace: { to: \"https://collector.test\", propagation: b3, "
               "tls: { ca: ca.pem, server_name: other.test, min_version: 1.3 } }"),
      with_top("admin: { bind: \"127.0.0.1:0\", probes: \"0.0.0.0:15021\", token: file }"),
      with_top("admin: { bind: \"0.0.0.0:0\", token: file }"),
      with_top("app: { command: [./server, --port, \"8080\"], ready: "
               "\"http://127.0.0.1:8080/healthz\", start_timeout: 60s, stop_timeout: 10s }"),
      with_top("app: { ready: \"tcp://localhost:8080\" }"),
      with_top("app:\n  command:\n    - sh\n    - -c\n    - |\n      one\n      two\n"),
      with_top("x-anything: &fast { total: 2s }"),
      with_top("include: [none-here-*.yaml]"),
  });
}

TEST_CASE("config language: every default of a listener and a route may be written out") {
  check_accepted({
      with_listener("direction: outbound, protocols: [http1, h2], handshake_timeout: 5s, "
                    "idle_timeout: 60s, header_timeout: 10s, body_timeout: 30s, send_timeout: 30s"),
      with_listener(
          "normalize_path: false, encoded_slash: keep, proxy_protocol: none, filters: []"),
      with_listener("forwarded: { trust: [], hops: 1, send: none }"),
      with_route("name: canary, match: { host: [a.b, \"*.a.b\"], path: /v2/*, method: [GET, POST], "
                 "headers: { x-canary: \"true\", x-debug: \"*\" }, query: { beta: \"1\" } }, "
                 "to: { c: 100% }, rewrite: { path: /orders/*, host: orders.svc }, filters: []"),
      with_route(
          "match: { path_regex: \"^/legacy/(.*)$\" }, redirect: { path: \"/v1/$1\", status: 308 }"),
      with_route("match: { grpc: { service: shop.v1.Orders, method: Place } }, to: c"),
      with_route("match: { host: a.b, grpc: { service: Orders }, headers: { x-a: b } }, to: c"),
      with_route("match: { path: /blocked/* }, respond: { status: 403, body: \"by policy\\n\", "
                 "headers: { content-type: text/plain } }"),
      with_route("redirect: { scheme: https, host: a.b, port: 8443 }"),
      with_route("to: c, mirror: { to: c, sample: 100% }"),
  });
}

TEST_CASE("config language: every default of a cluster and a filter may be written out") {
  check_accepted({
      with_cluster("url: http://a.b, host: url, protocol: auto, load_balancer: least_request, "
                   "panic: 50%, slow_start: 0s, connect_timeout: 3s, proxy_protocol: none"),
      with_cluster("url: http://a, dns: { family: auto, min_ttl: 1s, max_ttl: 5m, timeout: 2s }"),
      with_cluster(
          "url: http://a, pool: { connections: 10000, streams: 100, pending: 10000, wait: 5s, "
          "hold: 3s, idle: 30s, idle_http1: 4s, max_age: 1h, max_requests: 0, ping: 0s }"),
      with_cluster("endpoints: [\"10.0.3.7:8443\", { address: \"[::1]:8443\", weight: 2 }, "
                   "\"unix:/run/a\"], tls: { server_name: orders.internal }"),
      with_cluster("discovery: { srv: _http._tcp.orders.internal }"),
      with_cluster("discovery: { file: endpoints.yaml }, dns: { family: v4 }"),
      with_cluster("url: https://a, tls: { san: [b.c, \"spiffe://d/e\"], min_version: \"1.2\" }"),
      with_filter("timeout: { total: 60s, response: 0s, idle: 5m }"),
      with_filter(
          "retry: { max_retries: 3, retry_on: [connect, refused, reset, "
          "upstream_protocol_error, response_timeout, 502, 503, 504], methods: idempotent, "
          "attempt_timeout: 0s, backoff: { base: 100ms, factor: 2, max: 10s, jitter: 25% }, "
          "budget: { ratio: 10%, min: 3/s }, max_body: 64KiB, hedge: { after: 0s } }"),
      with_filter("retry: { retry_on: [timeout, connect, 5xx, 500-504] }"),
      with_filter(
          "circuit_breaker: { failure_threshold: 5, failure_ratio: 25%, request_volume: 20, "
          "window: 30s, success_threshold: 3, first_open_for: 1s, open_for: 60s, "
          "half_open_requests: 1, failures: "
          "[5xx, timeout, connect, refused, reset, upstream_protocol_error], "
          "slow: { over: 0s, ratio: 50% } }"),
      with_filter("circuit_breaker: { scope: endpoint }"),
      with_filter("circuit_breaker: { scope: route }"),
      with_filter("fault: { delay: { for: 1s, sample: 1% }, reset: { sample: 1% }, "
                  "abort: { status: 503, sample: 1% }, "
                  "body: { rate: 1KiB, cut_after: 0, sample: 1% }, seed: 0 }"),
      with_filter("body_limit: { request: 10MiB, response: 0 }"),
      with_filter("request_id: { header: x-request-id, trust: true }"),
  });
}

TEST_CASE("config language: what is not built is refused, each by its name") {
  std::vector<std::string> texts;
  for (const char* filter : {"rewrite", "cors", "compress", "jwt", "authz", "webhook"})
    texts.push_back(with_filter(std::string(filter) + ": {}"));
  for (const std::string& text : texts) {
    CAPTURE(text);
    CHECK(mistakes_of(text).find("not yet in this version") != std::string::npos);
  }
}

TEST_CASE("config language: a collector is named as it is asked") {
  const auto to = [](const std::string& url) { return with_top("trace: { to: \"" + url + "\" }"); };
  check_refused({
      {with_top("trace: {}"), "\"to\" is missing"},
      {to("127.0.0.1:4318"), "write http://127.0.0.1:4318"},
      {to("grpc://127.0.0.1:4317"), "is for gRPC"},
      {to("http://user@host/v1/traces"), "send `authorization` by `headers`"},
      {to("http://host:4318/v1/tr aces"), "is not the URL of a collector"},
      {to("http://"), "is not the URL of a collector"},
      {to("ftp://host"), "is not the URL of a collector"},
      {with_top("trace: { to: \"http://a\", tls: { insecure: true } }"), "https:// collector"},
      {with_top("trace: { to: \"https://a\", tls: { cert: a } }"), "go together"},
      {with_top("trace: { to: \"http://a\", headers: { content-length: 1 } }"), "proxy alone"},
      {with_top("trace: { to: \"http://a\", headers: { content-type: a } }"), "proxy alone"},
      {with_top("trace: { to: \"http://a\", propagation: [] }"), "at least one"},
      {with_top("trace: { to: \"http://a\", propagation: [b3, b3] }"), "twice"},
      {with_top("trace: { to: \"http://a\", propagation: jaeger }"), "\"jaeger\" is not one of w3c, b3"},
      {with_top("tracing: { to: \"http://a\" }"), "trace"},
      {with_top("access_log: { to: \"syslog:dev/log\" }"), "names no socket"},
      {with_top("access_log: { to: \"syslog:\" }"), "names no socket"},
      {with_top("access_log: { to: syslog }"), "write syslog:/dev/log"},
      {with_top("access_log: { to: \"syslog://127.0.0.1:514\" }"), "is of a network"},
      {with_top("trace: { to: \"http://bob:hunter2@127.0.0.1:9/v1/traces\" }"), "the URL has a user"},
  });
}

TEST_CASE("config language: mirrors, scopes and sick bodies have a sense") {
  check_refused({
      {with_route("to: c, mirror: { to: d }"), "there is no cluster \"d\""},
      {with_route("to: c, mirror: { sample: 1% }"), "\"to\" is missing"},
      {with_route("to: c, mirror: { to: d }") + "  d: { url: \"udp://10.0.3.9:3478\" }\n",
       "is a udp:// cluster"},
      {with_route("respond: { status: 200 }, mirror: { to: c }"), "`mirror` goes with `to`"},
      {with_listener("filters: [{ circuit_breaker: { scope: route } }]"), "a cluster's list only"},
      {with_route("to: c, filters: [{ circuit_breaker: { scope: endpoint } }]"),
       "a cluster's list only"},
      {with_cluster("url: http://a, filters: [{ circuit_breaker: { scope: endpoint } }, retry]"),
       "write it below the retry"},
      {with_filter("circuit_breaker: { scope: cluster }"), "is not one of endpoint, route"},
      {with_filter("fault: { body: { sample: 1% } }"), "say `rate` or `cut_after`"},
      {with_filter("fault: { body: { rate: 1KiB } }"), "\"sample\" is missing"},
  });
}

TEST_CASE("config language: addresses, hosts and names are sound") {
  check_refused({
      {file("bind: [127.0.0.1:1, 127.0.0.1:1], routes: [{ to: c }]", "url: http://a"),
       "is bound already"},
      {with_top("admin: { bind: \"127.0.0.1:7\" }") + "listeners2: {}\n", "unknown key"},
      {with_top("admin: { bind: \"0.0.0.0:0\" }"), "needs `token: FILE`"},
      {with_top("admin: { bind: \"127.0.0.1:7\", probes: \"127.0.0.1:7\" }"),
       "is bound already, by admin"},
      {file("bind: 127.0.0.1:7, routes: [{ to: c }]", "url: http://a",
            "admin: { bind: \"127.0.0.1:7\" }"),
       "is bound already, by admin"},
      {file("bind: [], routes: [{ to: c }]", "url: http://a"), "at least one address"},
      {file("bind: , routes: [{ to: c }]", "url: http://a"), "\"bind\" has no value"},
      {file("bind: localhost:1, routes: [{ to: c }]", "url: http://a"), "write 127.0.0.1:1"},
      {file("bind: unix:here, routes: [{ to: c }]", "url: http://a"), "write unix:/PATH"},
      {file("bind: 127.0.0.1:0, routes: []", "url: http://a"), "at least one route"},
      {with_listener("protocols: [h2, h2]"), "stands here twice"},
      {with_cluster("url: http://300.1.1.1"), "is not http://host or http://host:port"},
      {with_cluster("url: \"http://a..b\""), "is not http://host or http://host:port"},
      {with_cluster("url: \"http://a:0\""), "is not http://host or http://host:port"},
      {with_cluster("url: \"http://[::1\""), "is not http://host or http://host:port"},
      {with_cluster("url: https://a, tls: { server_name: a b }"), "is not a host name"},
      {with_cluster("url: https://a, tls: { san: [] }"), "at least one name"},
      {with_cluster("url: https://a, tls: { san: [b.test, 10.0.0.1] }"), "as `server_name`"},
      {with_cluster("url: https://a, tls: { san: \"::1\" }"), "as `server_name`"},
      {with_listener("tls: { cert: a, key: b, client_ca: c, client_auth: none }"), "of no use"},
      {with_route("name: \"\", to: c"), "a name is missing"},
      {with_route("to: c, rewrite: { host: \"a b\" }"), "is not host or host:port"},
  });
}

TEST_CASE("config language: a cluster's endpoints come from one place") {
  check_refused({
      {with_cluster("discovery: {}"), "either `srv: NAME` or `file: PATH`"},
      {with_cluster("discovery: { srv: a.b, file: c }"), "either `srv` or `file`"},
      {with_cluster("discovery: { srv: \"a.b:80\" }"), "the port comes with the answer"},
      {with_cluster("discovery: { srv: a b }"), "is not a name such as"},
      {with_cluster("discovery: { file: \"\" }"), "a path"},
      {with_cluster("discovery: { fil: a }"), "did you mean \"file\"?"},
      {with_cluster("url: http://a, discovery: { srv: a.b }"), "`url` stands in line"},
      {with_cluster("discovery: { srv: a.b }, tls: {}"), "`server_name` or `san`"},
      {with_cluster("discovery: { srv: a.b }, host: url"), "needs a url"},
      {with_cluster("endpoints: []"), "at least one endpoint"},
  });
}

TEST_CASE("config language: the app is a list of words, and asked over http or tcp") {
  check_refused({
      {with_top("app: { command: ./server --port 80 }"), "write [./server, --port, 80], each"},
      {with_top("app: { command: sh -c 'a b' }"), "no shell reads it"},
      {with_top("app: { command: [a, [b]] }"), "text is expected"},
      {with_top("app: { command: [\"a\\0b\"] }"), "cannot hold a NUL"},
      {with_top("app: { command: [] }"), "the command is missing"},
      {with_top("app: { command: [\"\"] }"), "the command is missing"},
      {with_top("app: { command: [a], ready: \"https://127.0.0.1/x\" }"),
       "write http:// or tcp://"},
      {with_top("app: { command: [a], ready: \"127.0.0.1:80\" }"), "is not a place to ask"},
      {with_top("app: { command: [a], ready: \"tcp://127.0.0.1\" }"), "is not a place to ask"},
      {with_top("app: { command: [a], ready: \"tcp://127.0.0.1:80/x\" }"), "is not a place to ask"},
      {with_top("app: { command: [a], ready: \"http://a/x y\" }"), "is not a place to ask"},
      {with_top("app: { command: [a], start_timeout: 0 }"), "0 is not allowed here"},
      {with_top("app: { comand: [a] }"), "did you mean \"command\"?"},
  });
}

TEST_CASE("config language: routes say what can be done") {
  check_refused({
      {with_route("to: c, match: { grpc: {} }"), "\"service\" is missing"},
      {with_route("to: c, match: { grpc: { service: a/b } }"), "is not a service such as"},
      {with_route("to: c, match: { grpc: { service: \"\" } }"), "is not a service such as"},
      {with_route("to: c, match: { grpc: { service: a..b } }"), "is not a service such as"},
      {with_route("to: c, match: { grpc: { service: a, method: b.c } }"),
       "is not a method such as"},
      {with_route("to: c, match: { grpc: { service: a }, path: /a }"), "leave `path` out"},
      {with_route("to: c, match: { method: GET, grpc: { service: a } }"), "leave `method` out"},
      {with_route("to: d2"), "there is no cluster \"d2\""},
      {with_route("to: { c: 99.05% }"), "add up to 99.05%"},
      {with_route("to: c, respond: {}"), "a route has one of"},
      {with_route("redirect: {}"), "redirects to itself"},
      {with_route("redirect: { path: /a, status: 304 }"), "301, 302, 303, 307 or 308"},
      {with_route("redirect: { path: /a }, rewrite: { path: /b }"), "`rewrite` goes with `to`"},
      {with_route("respond: { status: 204, body: x }"), "has no body"},
      {with_route("match: { path: [] }, to: c"), "an empty list"},
      {with_route("match: { path: \"/a b\" }, to: c"), "as it is sent"},
      {with_route("match: { method: get }, to: c"), "write GET"},
      {with_route("match: { headers: { \"a b\": x } }, to: c"), "is not a field name"},
      {with_route("match: { headers: { host: x } }, to: c"), "matched by `host`"},
      {with_route("match: { path_regex: \"^/(a)\" }, to: c, rewrite: { path: \"/$3\" }"), "$3"},
      {with_route("match: { path_regex: \"^/(a)\" }, redirect: { path: \"/$2\" }"), "$2"},
      {with_route("to: c, rewrite: { path: \"/$1\" }"), "needs a match with path_regex"},
      {with_route("to: c, rewrite: { path: \"/a/*\" }"), "a path that ends in /*"},
      {with_route("match: { path: /a/* }, to: c, rewrite: { path: \"/a/*/b\" }"), "elsewhere"},
      {with_route("to: c, rewrite: { path: \"/a?b\" }"), "is not a path"},
      {with_route("to: c, rewrite: { path: \"/%0\" }"), "is not a path"},
  });
  for (const char* field : {"content-length", "Transfer-Encoding", "connection", "keep-alive", "te",
                            "trailer", "upgrade", "proxy-connection"}) {
    CAPTURE(field);
    const std::string text = with_route("respond: { headers: { " + std::string(field) + ": x } }");
    CHECK(mistakes_of(text).find("the proxy alone writes it") != std::string::npos);
  }
}

TEST_CASE("config language: control characters reach no name and no field") {
  const std::string evil = "\"a\\r\\nx: y\"";
  for (const std::string& text :
       {with_top("node: { service: " + evil + " }"), with_top("node: { service: \"\\x1b[31m\" }"),
        with_top("node: { service: \"\\x9b31m\" }"), with_route("name: " + evil + ", to: c"),
        with_route("to: c, rewrite: { host: " + evil + " }"),
        with_route("to: c, rewrite: { path: " + evil + " }"),
        with_route("redirect: { host: " + evil + " }"),
        with_route("respond: { headers: { x: " + evil + " } }"),
        with_route("respond: { headers: { " + evil + ": x } }"),
        with_route("match: { query: { " + evil + ": x } }, to: c"),
        with_cluster("url: https://a, tls: { server_name: " + evil + " }"),
        with_cluster("url: " + evil), with_cluster("url: http://a, host: " + evil),
        with_filter("headers: { request: { set: { x: " + evil + " } } }"),
        with_filter("headers: { request: { remove: " + evil + " } }"),
        std::string("version: 1\nlisteners:\n  " + evil +
                    ": { bind: 127.0.0.1:0, routes: [{ to: c }] }\nclusters: { c: { url: http://a "
                    "} }\n")}) {
    CAPTURE(text);
    const std::string mistakes = mistakes_of(text);
    CHECK(mistakes != "");
    CHECK(mistakes.find('\r') == mistakes.npos);
    CHECK(mistakes.find('\x1b') == mistakes.npos);
  }
  CHECK(mistakes_of(with_route("respond: { body: \"two\\nlines\\n\" }")) == "");
}

TEST_CASE("config language: a condition that can never hold is refused") {
  check_refused({
      {with_filter("retry: { retry_on: [total_timeout] }"), "is never retried"},
      {with_filter("retry: { retry_on: [idle_timeout] }"), "is never retried"},
      {with_filter("retry: { retry_on: [no_route] }"), "is never retried"},
      {with_filter("retry: { retry_on: [client_gone] }"), "is never retried"},
      {with_filter("circuit_breaker: { failures: [throttled] }"), "not the upstream's outcome"},
      {with_filter("circuit_breaker: { failures: [client_gone] }"), "not the upstream's outcome"},
      {with_filter("circuit_breaker: { failure_ratio: 25 }"), "25 what? write 25%"},
  });
}

std::string fields_of(const std::string& filter) {
  const config::Loaded loaded =
      config::load_text("proxy.yaml", with_filter(filter), filters::specs());
  REQUIRE(loaded.config);
  return loaded.config->clusters[0].filters[0].fields;
}

TEST_CASE("config language: the fields of a filter are the same however they are written") {
  CHECK(fields_of("retry: { max_retries: 2, methods: [GET, PUT] }") ==
        fields_of("retry: { methods: [\"GET\", 'PUT'], max_retries: \"2\" }"));
  CHECK(fields_of("retry: {}") == fields_of("retry: "));
  CHECK(fields_of("retry: {}") != fields_of("retry: { max_retries: 2 }"));
  CHECK(fields_of("retry: { methods: [GET, PUT] }") != fields_of("retry: { methods: [PUT, GET] }"));
}

}  // namespace
