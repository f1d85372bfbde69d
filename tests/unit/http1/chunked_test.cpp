#include <doctest/doctest.h>

#include "tests/unit/http1/every_split.hpp"

namespace http1 {
namespace {

struct Case {
  std::string wire, verdict;
};

void check(const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    CAPTURE(one.wire.substr(0, 200));
    CHECK(chunked_verdict({one.wire}) == one.verdict);
    every_split(one.wire, [](const std::vector<std::string_view>& pieces) {
      return chunked_verdict(pieces);
    });
  }
}

TEST_CASE("http1 chunked: data, trailers, and what lies behind") {
  check({
      {"0\r\n\r\n", ";+0"},
      {"3\r\nabc\r\n0\r\n\r\n", "abc;+0"},
      {"3\r\nabc\r\nA\r\n0123456789\r\n00\r\n\r\nGET /", "abc0123456789;+5"},
      {"00000003\r\nabc\r\n0\r\n\r\n", "abc;+0"},
      {"0\r\nX-Sum: 1\r\nY:\t2 \r\n\r\n", ";x-sum=1;y=2;+0"},
      {"3\r\nab", "ab;incomplete"},
      {"3\r\nabc\r\n0\r\n", "abc;incomplete"},
  });
}

TEST_CASE("http1 chunked: extensions are dropped, if their end is beyond doubt") {
  check({
      {"3;a\r\nabc\r\n0;b\r\n\r\n", "abc;+0"},
      {"3;a=b;c=\"d;\\\"\\\r\"\r\n", ";bad_request"},
      {"3;a=b;c=\"d;\\\" \t\x80\"\r\nabc\r\n0\r\n\r\n", "abc;+0"},
      {"3; a = b ; c\r\nabc\r\n0\r\n\r\n", "abc;+0"},
      {"3;a=\"b\" ; c\r\nabc\r\n0\r\n\r\n", "abc;+0"},
      {"3;a \r\n", ";bad_request"},
      {"3;a=b\t\r\n", ";bad_request"},
      {"3;a=\"b\" \r\n", ";bad_request"},
      {"3;\r\n", ";bad_request"},
      {"3;=b\r\n", ";bad_request"},
      {"3;a=\r\n", ";bad_request"},
      {"3;a b\r\n", ";bad_request"},
      {"3;a=b c\r\n", ";bad_request"},
      {"3;a=\"b\"c\r\n", ";bad_request"},
      {"3;a\"b\"\r\n", ";bad_request"},
      {"3;a=\"b\r\n\"\r\n", ";bad_request"},
      {"3;\nxx\r\nabc\r\n", ";bad_request"},
      {"3;a\rb\r\nabc\r\n", ";bad_request"},
      {std::string("3;a\0\r\nabc\r\n", 11), ";bad_request"},
  });
  std::string many;
  for (int i = 0; i < 450; ++i) many += "1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n";
  CHECK(chunked_verdict({many}).ends_with("x;bad_request"));
  // A signature for each large chunk adds up to as much, and is in proportion.
  std::string signed_chunks;
  for (int i = 0; i < 400; ++i)
    signed_chunks +=
        "40;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n" + std::string(64, 'x') + "\r\n";
  CHECK(chunked_verdict({signed_chunks + "0\r\n\r\n"}).ends_with("x;+0"));
}

TEST_CASE("http1 chunked: sizes that are not one") {
  for (const char* size : {"", "z", "0x3", "+3", "-3", " 3", "3 ", "3\t", "3,", "3\xa0",
                           "111111111111111113", "ffffffffffffffff1", "7fffffffffffffff",
                           "00000000000000003", "ffffffffffffffff", "10000000001"})
    check({{std::string(size) + "\r\nabc\r\n0\r\n\r\n", ";bad_request"}});
  CHECK(chunked_verdict({"10000000000\r\nabc"}) == "abc;incomplete");
}

TEST_CASE("http1 chunked: lines that do not end in CRLF") {
  check({
      {"3\nabc\r\n0\r\n\r\n", ";bad_request"},
      {"3\rabc\r\n", ";bad_request"},
      {"3\r\r\nabc\r\n", ";bad_request"},
      {"3\r\nabcXX0\r\n\r\n", "abc;bad_request"},
      {"3\r\nabcd\r\n0\r\n\r\n", "abc;bad_request"},
      {"3\r\nabc\rX0\r\n\r\n", "abc;bad_request"},
      {"3\r\nabc\n0\r\n\r\n", "abc;bad_request"},
      {"0\n\r\n", ";bad_request"},
      {"0\r\n\n", ";bad_request"},
      {"0\r\nX: y\n\r\n", ";bad_request"},
      {"0\r\nX: y\r\n\rX", ";incomplete"},
      {"0\r\nX: y\r\n\rX\r\n", ";bad_request"},
  });
}

TEST_CASE("http1 chunked: trailers that must not come are dropped, the rest is bounded") {
  check({{"0\r\nContent-Length: 5\r\nTRANSFER-ENCODING: chunked\r\nHost: b\r\nCookie: c\r\n"
          "Authorization: x\r\nX-Forwarded-For: 1.2.3.4\r\nx_y: 1\r\nX-Sum: 7\r\n\r\n",
          ";x-sum=7;+0"},
         {"0\r\nX: y\r\n z\r\n\r\n", ";bad_request"},
         {"0\r\nX : y\r\n\r\n", ";bad_request"},
         {std::string("0\r\nX: a\0b\r\n\r\n", 13), ";bad_request"}});
  std::string many = "0\r\n";
  for (int i = 0; i < 100; ++i) many += "a: y\r\n";
  CHECK(chunked_verdict({many + "\r\n"}).ends_with(";a=y;+0"));
  CHECK(chunked_verdict({many + "a: y\r\n\r\n"}) == ";headers_too_large");
  const std::string value(20'000, 'v');
  CHECK(chunked_verdict({"0\r\nX: " + value + "\r\n\r\n"}) == ";x=" + value + ";+0");
  const auto verdict = [](const std::vector<std::string_view>& pieces) {
    return chunked_verdict(pieces, {.bytes = 20});
  };
  CHECK(verdict({"0\r\nX: 0123456789012\r\n\r\n"}) == ";x=0123456789012;+0");
  CHECK(verdict({"0\r\nX: 01234567890123\r\n\r\n"}) == ";headers_too_large");
  every_split("0\r\nX: 0123456789012\r\n\r\n", verdict);
  every_split("0\r\nX: 01234567890123\r\n\r\n", verdict);
}

}  // namespace
}  // namespace http1
