#include "proxy/http/final_head.hpp"

#include <doctest/doctest.h>

#include <chrono>

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
    http::complete_head(response, each.request, std::chrono::system_clock::now());
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
  http::complete_head(response, Method::get, std::chrono::system_clock::now());
  CHECK(response.headers.find(Name::date) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(response.headers.count(Name::date) == 1);
}

TEST_CASE("a date is the time of day that it is asked for, in the form of RFC 9110") {
  using std::chrono::milliseconds;
  const base::WallTime then{std::chrono::seconds{784111777}};
  CHECK(http::date_at(then) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(http::date_at(then + milliseconds{999}) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(http::date_at(then + milliseconds{1000}) == "Sun, 06 Nov 1994 08:49:38 GMT");
  CHECK(http::date_at(then - milliseconds{1}) == "Sun, 06 Nov 1994 08:49:36 GMT");
}

}  // namespace
