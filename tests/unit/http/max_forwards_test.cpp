#include "proxy/http/max_forwards.hpp"

#include <doctest/doctest.h>

#include <string>

namespace {

using http::Method;
using http::Name;

http::RequestHead request_of(Method method, std::string_view max_forwards) {
  http::RequestHead request;
  request.method = method;
  request.authority = "a.test";
  request.path = "/x?y";
  request.headers.add("max-forwards", max_forwards);
  return request;
}

TEST_CASE("max-forwards: is counted down as long as others may pass the request on") {
  struct Case {
    std::string_view before, after;
  };
  const Case cases[] = {{"1", "0"},
                        {"10", "9"},
                        {"007", "6"},
                        {"99999999999999999999", "4294967294"},
                        {"", ""},
                        {"-1", "-1"},
                        {"1, 1", "1, 1"},
                        {"few", "few"}};
  for (const Case& each : cases) {
    CAPTURE(each.before);
    http::RequestHead request = request_of(Method::options, each.before);
    CHECK_FALSE(http::answer_of_last(request));
    CHECK(request.headers.find("max-forwards") == each.after);
  }
  http::RequestHead without = request_of(Method::trace, "1");
  without.headers.remove("max-forwards");
  CHECK_FALSE(http::answer_of_last(without));
}

TEST_CASE("max-forwards: OPTIONS ends with an answer without content") {
  http::RequestHead request = request_of(Method::options, "0");
  const auto answer = http::answer_of_last(request);
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(answer->headers.find(Name::content_length) == "0");
  CHECK(answer->body.is_empty());
}

TEST_CASE("max-forwards: TRACE ends with the request as it came, without what is secret") {
  http::RequestHead request = request_of(Method::trace, "0");
  request.headers.add("x-a", "1");
  request.headers.add("authorization", "Bearer x");
  request.headers.add("cookie", "a=b");
  auto answer = http::answer_of_last(request);
  REQUIRE(answer);
  CHECK(answer->headers.find(Name::content_type) == "message/http");
  const std::string expected =
      "TRACE /x?y HTTP/1.1\r\nhost: a.test\r\nmax-forwards: 0\r\nx-a: 1\r\n\r\n";
  CHECK(answer->body.size() == expected.size());
  auto piece = answer->body.read();
  REQUIRE(piece.value());
  CHECK((**piece.value()).view() == expected);
}

}  // namespace
