#include "proxy/http/final_head.hpp"

#include <doctest/doctest.h>

#include <ctime>

#include "proxy/http/date_stamp.hpp"

namespace {

using http::Method;
using http::Name;

struct Case {
  int status;
  Method request;
  bool may_have_content, may_have_length;
};

TEST_CASE("which responses may have content, and which may tell a length") {
  const Case cases[] = {
      {200, Method::get, true, true},       {200, Method::head, false, true},
      {100, Method::get, false, false},     {103, Method::head, false, false},
      {101, Method::get, false, false},     {204, Method::get, false, false},
      {204, Method::head, false, false},    {205, Method::get, true, true},
      {304, Method::get, false, true},      {304, Method::head, false, true},
      {200, Method::connect, false, false}, {299, Method::connect, false, false},
      {300, Method::connect, true, true},   {407, Method::connect, true, true},
      {500, Method::options, true, true},
  };
  for (const Case& each : cases) {
    CAPTURE(each.status);
    CAPTURE(http::to_string(each.request));
    CHECK(http::may_have_content(each.status, each.request) == each.may_have_content);
    CHECK(http::may_have_length(each.status, each.request) == each.may_have_length);
    http::Response response;
    response.status = each.status;
    response.headers.add(Name::content_length, "2");
    response.body = http::Body::of(base::Bytes::copy_of("ok"));
    http::complete_head(response, each.request, base::Clock::now());
    const bool is_tunnel = each.status == 101 || (each.request == Method::connect && each.status < 300);
    CHECK(response.body.is_empty() == !(each.may_have_content || is_tunnel));
    CHECK(response.headers.contains(Name::content_length) == each.may_have_length);
    CHECK(response.headers.count(Name::date) == 1);
  }
}

TEST_CASE("a date that came is kept") {
  http::Response response;
  response.status = 200;
  response.headers.add(Name::date, "Sun, 06 Nov 1994 08:49:37 GMT");
  http::complete_head(response, Method::get, base::Clock::now());
  CHECK(response.headers.find(Name::date) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(response.headers.count(Name::date) == 1);
}

TEST_CASE("a date is the time of day in the form of RFC 9110, formatted once a second") {
  const base::Time now = base::Clock::now();
  const std::time_t before = std::time(nullptr);
  const std::string text(http::date_at(now));
  const std::time_t after = std::time(nullptr);
  std::tm utc{};
  REQUIRE(::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &utc));
  CHECK(text.size() == 29);
  const std::time_t told = ::timegm(&utc);
  CHECK(told >= before);
  CHECK(told <= after);
  CHECK(http::date_at(now) == text);  // whatever the clock on the wall says by now
}

}  // namespace
