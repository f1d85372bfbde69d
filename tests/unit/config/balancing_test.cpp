// What a cluster says of which endpoint is next, and which are left out.
#include "tests/unit/config/files.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

using namespace config_test;

std::string hashing(const std::string& fields) {
  return with_cluster("endpoints: [\"10.0.0.1:80\"], load_balancer: maglev, " + fields);
}

std::string of_bytes(const std::string& fields) {
  return file("bind: 127.0.0.1:0, tcp: { to: c }",
              "url: \"tcp://10.0.0.1:1\", load_balancer: maglev, " + fields);
}

TEST_CASE("config balancing: what may be written") {
  for (const std::string& text : {
           with_cluster("url: http://a, outlier: { consecutive_failures: 5, eject_for: 30s, "
                        "max_ejected: 50% }"),
           with_cluster("url: http://a, outlier: {}, panic: 0%, slow_start: 30s"),
           with_cluster("url: http://a, load_balancer: ewma"),
           with_cluster("url: http://a, load_balancer: random"),
           hashing("slow_start: 0s, hash_on: \"header:x-user\""),
           hashing("hash_on: \"cookie:session\""),
           hashing("hash_on: source_ip"),
           hashing("hash_on: path"),
           hashing("hash_on: { cookie: pin, ttl: 0s, path: / }"),
           of_bytes("hash_on: source_ip"),
           with_cluster("url: http://a, health: { path: /healthz, interval: 10s, timeout: 1s, "
                        "healthy_after: 2, unhealthy_after: 3, expect: 200-299 }"),
           with_cluster("url: http://a, health: { path: \"/a?b=c\", expect: [200, 404, 500-599] }"),
           with_cluster("url: http://a, health: { tcp: true }"),
           with_cluster("url: http://a, health: { grpc: \"\" }"),
           with_cluster("endpoints: [{ address: \"10.0.3.9:1\", zone: a, weight: 1000 }]"),
           with_top("node: { zone: b }"),
       }) {
    CAPTURE(text);
    CHECK(mistakes_of(text) == "");
  }
}

TEST_CASE("config balancing: what may not be written, and what to write instead") {
  const struct {
    std::string text;
    std::string words;
  } cases[] = {
      {with_cluster("url: http://a, load_balancer: maglv"), "did you mean \"maglev\"?"},
      {with_cluster("url: http://a, outlier: { consecutive_failures: 0 }"), "from 1 to"},
      {with_cluster("url: http://a, outlier: { eject_for: 0s }"), "0"},
      {with_cluster("url: http://a, outlier: { max_ejected: 101% }"), "percentage"},
      {with_cluster("url: http://a, hash_on: \"header:x\""),
       "`hash_on` goes with `load_balancer: ring_hash` or `maglev`"},
      {hashing("hash_on: \"header:\""), "has no name: write header:NAME"},
      {hashing("hash_on: user"), "selects nothing"},
      {hashing("hash_on: { ttl: 1h }"), "\"cookie\" is missing"},
      {hashing("hash_on: { cookie: \"a b\" }"), "is not the name of a cookie"},
      {hashing("hash_on: { cookie: a, path: \"x;y\" }"), "is not a path"},
      {hashing("slow_start: 5s"), "`slow_start` does not go with ring_hash and maglev"},
      {of_bytes("hash_on: \"header:x\""), "knows `hash_on: source_ip` alone"},
      {of_bytes("health: { path: / }"), "knows `health: { tcp: true }` alone"},
      {with_cluster("url: http://a, health: {}"), "says nothing of how to ask"},
      {with_cluster("url: http://a, health: { path: /, tcp: true }"),
       "exactly one of `path`, `tcp` and `grpc`"},
      {with_cluster("url: http://a, health: { tcp: false }"), "`tcp` is true, or left out"},
      {with_cluster("url: http://a, health: { tcp: true, expect: 200 }"), "leave it out"},
      {with_cluster("url: http://a, health: { path: healthz }"), "is not a path"},
      {with_cluster("url: http://a, health: { path: /, expect: 200-399 }"),
       "a redirect is no sign of health"},
      {with_cluster("url: http://a, health: { path: /, expect: 299-200 }"), "is not a status"},
      {with_cluster("url: http://a, health: { path: /, expect: 20 }"), "is not a status"},
      {with_cluster("url: http://a, health: { path: /, interval: 0s }"), "0"},
  };
  for (const auto& [text, words] : cases) {
    CAPTURE(text);
    const std::string mistakes = mistakes_of(text);
    CAPTURE(mistakes);
    CHECK(mistakes.find(words) != mistakes.npos);
  }
}

}  // namespace
