#include "proxy/http/selector.hpp"

#include "proxy/http/message.hpp"

#include <doctest/doctest.h>

namespace {

using http::Selector;

struct Asked {
  Asked() {
    connection.remote = *base::Address::parse_ip("192.0.2.7", 4);
    request.authority = "shop.test";
    request.path = "/a/b?c=d";
    info.route = "r";
    info.cluster = "c";
  }
  std::optional<std::string> say(std::string_view selector) {
    const Selector::Parsed parsed = Selector::parse(selector);
    REQUIRE_MESSAGE(parsed.selector, parsed.problem);
    const auto value = parsed.selector->of(request);
    return value ? std::optional<std::string>(*value) : std::nullopt;
  }
  std::optional<std::string> source(const char* ip) {
    info.forwarded_for = base::Address::parse_ip(ip, 0);
    return say("source_ip");
  }

  base::Loop loop;
  http::ConnectionInfo connection;
  http::StreamInfo info{loop, connection};
  http::Scope scope{loop.now()};
  http::NoInterim interim;
  http::Request request{http::RequestHead{}, http::Body(), interim, scope, info};
};

TEST_CASE("a selector: gives the part of a request that it names") {
  Asked asked;
  asked.request.headers.add("x-user", "ann");
  CHECK(asked.say("header:X-User") == "ann");
  CHECK(asked.say("header:host") == "shop.test");
  CHECK(asked.say("header:x-none") == std::nullopt);
  CHECK(asked.say("path") == "/a/b");
  CHECK(asked.say("route") == "r");
  CHECK(asked.say("cluster") == "c");
}

TEST_CASE("a selector: finds a cookie by its whole name, in any of the fields") {
  Asked asked;
  CHECK(asked.say("cookie:id") == std::nullopt);
  asked.request.headers.add("cookie", "xid=1;id2=2; ID=3;;=;id");
  CHECK(asked.say("cookie:id") == std::nullopt);
  asked.request.headers.add("cookie", "a=b;  id=4=5 ; id=6");
  CHECK(asked.say("cookie:id") == "4=5");
  CHECK(asked.say("cookie:xid") == "1");
}

TEST_CASE("a selector: takes an IPv6 network of 64 bits for one source, and each IPv4 address") {
  Asked asked;
  const auto ipv4 = asked.say("source_ip");
  CHECK(ipv4 == asked.source("192.0.2.7"));
  CHECK(ipv4 == asked.source("::ffff:192.0.2.7"));
  CHECK(ipv4 != asked.source("192.0.2.8"));
  CHECK(asked.source("2001:db8::1") == asked.source("2001:db8:0:0:ffff::1"));
  CHECK(asked.source("2001:db8::1") != asked.source("2001:db8:0:1::1"));
}

TEST_CASE("a selector: refuses what selects nothing") {
  for (const char* text : {"", "header", "header:", "header:a b", "cookie:a;b", "Route", "ip",
                           "header:x ", "query:a"}) {
    CAPTURE(text);
    CHECK_FALSE(Selector::parse(text).problem.empty());
  }
  CHECK(Selector::parse("route").selector->needs_route());
  CHECK_FALSE(Selector::parse("path").selector->needs_route());
}

}  // namespace
