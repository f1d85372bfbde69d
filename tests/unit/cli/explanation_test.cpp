#include "proxy/cli/explanation.hpp"

#include "filters/registry.hpp"

#include <doctest/doctest.h>

namespace {

constexpr const char* file = R"(version: 1
listeners:
  egress:
    bind: 127.0.0.1:0
    filters: [request_id]
    routes:
      - name: canary
        match: { host: orders.test, path: /v2/*, headers: { x-canary: "true" } }
        to: { a: 95%, b: 5% }
        rewrite: { path: /orders/* }
      - name: blocked
        match: { path: /blocked/* }
        respond: { status: 403 }
      - name: posts
        match: { method: POST, query: { beta: "1" } }
        to: a
      - to: b
        filters: [{ timeout: { total: 2s } }]
clusters:
  a: &a
    url: http://a.test:8080
    filters:
      - retry:
          backoff: { base: 5ms }
      - circuit_breaker: {}
  b: { <<: *a, url: "http://b.test" }
)";

std::vector<cli::ExplainedListener> explained(const std::string& method, const std::string& host,
                                              const std::string& path, http::Headers headers = {}) {
  const config::Loaded loaded = config::load_text("o.yaml", file, filters::specs());
  REQUIRE(loaded.config);
  cli::Asked asked;
  asked.head.method = http::method_from(method);
  asked.head.authority = host;
  asked.head.path = path;
  asked.head.headers = std::move(headers);
  return cli::explain(loaded, asked);
}

std::string why_not(const cli::ExplainedListener& listener, std::string_view route) {
  for (const cli::ExplainedRoute& each : listener.routes)
    if (each.name == route) return each.is_taken ? "taken" : each.why_not;
  return "there is none";
}

std::string setting(const cli::ExplainedFilter& filter, std::string_view name) {
  for (const cli::Setting& each : filter.settings)
    if (each.name == name) return each.value + " " + each.place;
  return "there is none";
}

TEST_CASE("explain: why routes take a request and others do not") {
  const auto all = explained("GET", "other.test", "/x?beta=1");
  REQUIRE(all.size() == 1);
  CHECK(why_not(all[0], "canary") == "host \"other.test\" is not orders.test");
  CHECK(why_not(all[0], "blocked") == "path \"/x\" is not /blocked/*");
  CHECK(why_not(all[0], "posts") == "method GET is not POST");
  CHECK(why_not(all[0], "egress.4") == "taken");
  CHECK(all[0].routes[3].place == "o.yaml:17");
  const auto header = explained("GET", "orders.test", "/v2/a");
  CHECK(why_not(header[0], "canary") == "header x-canary is not \"true\"");
  CHECK(why_not(explained("POST", "a", "/")[0], "posts") == "query beta is not \"1\"");
}

TEST_CASE("explain: what is in force, and where it is written") {
  const auto all = explained("GET", "other.test", "/x");
  REQUIRE(all[0].ways.size() == 1);
  const cli::ExplainedWay& way = all[0].ways[0];
  REQUIRE(way.filters.size() == 4);
  CHECK(way.filters[0].name == "request_id");
  CHECK(way.filters[1].name == "timeout");
  CHECK(way.filters[1].of == "route egress/egress.4");
  CHECK(way.filters[1].place == "o.yaml:18");
  CHECK(setting(way.filters[1], "total") == "2s o.yaml:18");
  CHECK(setting(way.filters[1], "idle") == "5m ");
  CHECK(way.filters[2].name == "retry");
  CHECK(setting(way.filters[2], "backoff.base") == "5ms o.yaml:24");
  CHECK(setting(way.filters[2], "max_retries") == "3 ");
  CHECK(way.cluster == "b");
  CHECK(way.endpoints == std::vector<std::string>{"b.test:80"});
  CHECK(way.host == "b.test");
}

TEST_CASE("explain: shares, rewrites and the timeout that stands on every path") {
  http::Headers headers;
  headers.add("x-canary", "true");
  const auto all = explained("GET", "orders.test", "/v2/a?q", std::move(headers));
  REQUIRE(all[0].ways.size() == 2);
  CHECK(all[0].ways[0].share == "95%");
  CHECK(all[0].ways[0].path == "/orders/a?q");
  CHECK(all[0].ways[0].filters[1].of == "every path without one");
  CHECK(why_not(all[0], "egress.4") == "");  // an earlier one takes it
}

TEST_CASE("explain: routes that answer, as text and JSON") {
  const auto all = explained("GET", "a.test", "/blocked/x");
  CHECK(all[0].answer == "answers 403");
  const std::string text = cli::explanation_text(all);
  CHECK(text.find("  the route answers 403\n") != text.npos);
  CHECK(text.find("no: an earlier one takes it") != text.npos);
  const std::string json = cli::explanation_json(all);
  CHECK(json.find(R"("route":"blocked","at":"o.yaml:11","taken":true)") != json.npos);
}

}  // namespace
