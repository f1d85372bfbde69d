#include "proxy/routing/router.hpp"

#include "proxy/routing/path_template.hpp"

#include <doctest/doctest.h>

namespace {

using routing::MatchInput;
using routing::MatchSpec;
using routing::Router;

MatchSpec on_path(std::string path) {
  MatchSpec spec;
  spec.paths = {std::move(path)};
  return spec;
}

MatchSpec on_host(std::string host) {
  MatchSpec spec;
  spec.hosts = {std::move(host)};
  return spec;
}

http::RequestHead get(std::string path, std::string authority = "a.test") {
  http::RequestHead head;
  head.path = std::move(path);
  head.authority = std::move(authority);
  return head;
}

int find(const Router& router, const http::RequestHead& head) {
  const auto route = router.find(MatchInput(head));
  return route ? static_cast<int>(*route) : -1;
}

std::string applied(std::string text, MatchSpec spec, std::string_view path) {
  const routing::RouteMatch match(std::move(spec));
  const auto made = routing::PathTemplate(std::move(text)).apply(match, path);
  return made ? *made : std::string(to_string(made.error().reason));
}

}  // namespace

TEST_CASE("router: a prefix ends where a segment does") {
  const Router router({on_path("/v2/*")});
  for (const char* path : {"/v2", "/v2/", "/v2/x", "/v2/x/y", "/v2//", "/v2?q"})
    CHECK_MESSAGE(find(router, get(path)) == 0, path);
  for (const char* path : {"/v2x", "/v", "/", "/V2", "/x/v2", "*", "", "/v%32"})
    CHECK_MESSAGE(find(router, get(path)) == -1, path);
}

TEST_CASE("router: the first route in the file wins, however it is indexed") {
  MatchSpec regex;
  regex.path_regex = "^/a/.*x$";
  const Router router({on_path("/a/b"), regex, on_path("/a/*"), on_host("a.test"), MatchSpec{}});
  CHECK(find(router, get("/a/b")) == 0);
  CHECK(find(router, get("/a/b/x")) == 1);
  CHECK(find(router, get("/a/c")) == 2);
  CHECK(find(router, get("/c")) == 3);
  CHECK(find(router, get("/c", "b.test")) == 4);
  const Router reversed({MatchSpec{}, on_host("a.test"), on_path("/a/b")});
  CHECK(find(reversed, get("/a/b")) == 0);
}

TEST_CASE("router: hosts are compared without case, port and trailing dot") {
  const Router router({on_host("orders.test"), on_host("*.orders.test"), on_host("::1")});
  for (const char* host : {"orders.test", "Orders.TEST", "orders.test:8080", "orders.test."})
    CHECK_MESSAGE(find(router, get("/", host)) == 0, host);
  CHECK(find(router, get("/", "x.orders.test:1")) == 1);
  CHECK(find(router, get("/", "[::1]:80")) == 2);
  for (const char* host : {"", "x.y.orders.test", ".orders.test", "xorders.test", "test"})
    CHECK_MESSAGE(find(router, get("/", host)) == -1, host);
  CHECK(find(router, get("/", std::string(300, 'a'))) == -1);
}

TEST_CASE("router: methods, headers and query are all asked") {
  MatchSpec spec = on_path("/p");
  spec.methods = {"POST", "PURGE"};
  spec.headers = {{"x-canary", "true"}, {"x-debug", "*"}};
  spec.query = {{"beta", "1 2"}};
  const Router router({spec});
  http::RequestHead head = get("/p?x&beta=0&beta=1%202");
  head.method = http::Method::post;
  head.headers.add("x-canary", "false");
  head.headers.add("x-canary", "true");
  CHECK(find(router, head) == -1);
  head.headers.add("x-debug", "");
  CHECK(find(router, head) == 0);
  head.path = "/p?beta=1+2";
  CHECK(find(router, head) == 0);
  head.path = "/p?beta=1";
  CHECK(find(router, head) == -1);
  head.path = "/p?beta=1+2";
  head.method = http::Method::get;
  CHECK(find(router, head) == -1);
  head.method = http::Method::other;
  head.other_method = "PURGE";
  CHECK(find(router, head) == 0);
}

TEST_CASE("router: calls of gRPC, by their content type") {
  MatchSpec call = on_path("/shop.Orders/*");
  call.methods = {"POST"};
  call.is_grpc = true;
  const Router router({call, MatchSpec{}});
  http::RequestHead head = get("/shop.Orders/Place");
  head.method = http::Method::post;
  CHECK(find(router, head) == 1);
  head.headers.add("content-type", "application/grpc+proto");
  CHECK(find(router, head) == 0);
  head.method = http::Method::get;
  CHECK(find(router, head) == 1);
}

TEST_CASE("router: CONNECT reaches only a route that names it") {
  MatchSpec named;
  named.methods = {"CONNECT"};
  http::RequestHead head = get("");
  head.method = http::Method::connect;
  CHECK(find(Router({MatchSpec{}}), head) == -1);
  CHECK(find(Router({MatchSpec{}, named}), head) == 1);
}

TEST_CASE("router: a route may have several paths") {
  MatchSpec spec;
  spec.paths = {"/one", "/two/*", "/two/x/*"};
  const Router router({spec});
  for (const char* path : {"/one", "/two", "/two/x/y"})
    CHECK_MESSAGE(find(router, get(path)) == 0, path);
  CHECK(find(router, get("/one/x")) == -1);
}

TEST_CASE("router: ten thousand routes give what one by one would") {
  std::vector<MatchSpec> specs;
  for (int i = 0; i < 10'000; ++i) {
    MatchSpec spec = on_path("/s" + std::to_string(i % 5'000) + (i % 2 ? "/*" : ""));
    if (i % 3 == 0) spec.hosts = {"h" + std::to_string(i % 7) + ".test"};
    specs.push_back(spec);
  }
  const Router router(specs);
  CHECK(find(router, get("/s4998")) == 4'998 + 5'000);
  CHECK(find(router, get("/s4998", "h0.test")) == 4'998);
  CHECK(find(router, get("/s4997/x")) == 4'997);
}

TEST_CASE("path template: prefixes, captures and what is refused") {
  MatchSpec regex;
  regex.path_regex = "^/legacy/(.*)$";
  CHECK(applied("/orders/*", on_path("/v2/*"), "/v2") == "/orders");
  CHECK(applied("/orders/*", on_path("/v2/*"), "/v2/x/") == "/orders/x/");
  CHECK(applied("/*", on_path("/v2/*"), "/v2") == "/");
  MatchSpec several;
  several.paths = {"/a", "/b/*"};
  CHECK(applied("/x/*", several, "/a") == "/x");
  CHECK(applied("/x/*", several, "/b/c") == "/x/c");
  CHECK(applied("/one", on_path("/v2/*"), "/v2/x") == "/one");
  CHECK(applied("/v1/$1", regex, "/legacy/a%20b") == "/v1/a%20b");
  CHECK(applied("/v1/$1$2", regex, "/legacy/") == "/v1/");
  MatchSpec cut;
  cut.path_regex = "^/(..)(.*)$";
  CHECK(applied("/$1", cut, "/%2fx") == "bad_request");
  CHECK(applied("$1", regex, "/legacy/x") == "bad_request");
}
