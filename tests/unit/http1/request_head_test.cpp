#include <doctest/doctest.h>

#include "tests/unit/http1/every_split.hpp"

namespace http1 {
namespace {

struct Case {
  std::string wire, verdict;
};

std::string repeated(std::string_view text, std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

void check(const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    CAPTURE(one.wire.substr(0, 200));
    CHECK(request_verdict({one.wire}) == one.verdict);
    every_split(one.wire, [](const std::vector<std::string_view>& pieces) {
      return request_verdict(pieces);
    });
  }
}

// A request with this line among its fields.
std::string with(std::string_view field, std::string_view start = "POST / HTTP/1.1") {
  return std::string(start) + "\r\nHost: a\r\n" + std::string(field) + "\r\n\r\n";
}

TEST_CASE("http1 request: what a head says") {
  check({
      {"GET /x?y=1 HTTP/1.1\r\nHost: a.test:80\r\n\r\n", "GET a.test:80 /x?y=1 1.1 keep"},
      {"GET / HTTP/1.1\r\nHost: a\r\nX-Y:  z \t\r\nEmpty:\r\n\r\n", "GET a / 1.1 keep|X-Y=z|Empty="},
      {"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nrest", "GET a / 1.1 keep"},
      {"GET / HTTP/1.0\r\n\r\n", "GET  / 1.0 close"},
      {"GET / HTTP/1.0\r\nHost:\r\n\r\n", "GET  / 1.0 close"},
      {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
       "GET  / 1.0 keep|Connection=keep-alive"},
      {with("Connection: x, Close"), "POST a / 1.1 close|Connection=x, Close"},
      {with("Connection: x y"), "bad_request"},
      {with("X: \x80\xff"), "POST a / 1.1 keep|X=\x80\xff"},
      {"G!#$%&'*+-.^_`|~9 / HTTP/1.1\r\nHost: a\r\n\r\n", "G!#$%&'*+-.^_`|~9 a / 1.1 keep"},
      {"GET / HTTP/1.1\r\nHost: a\r\n", "incomplete"},
      {"\r\n", "incomplete"},
  });
}

TEST_CASE("http1 request: targets in the form of their method") {
  check({
      {"GET http://b.test:81/x HTTP/1.1\r\nHost: a\r\n\r\n", "GET b.test:81 /x 1.1 keep"},
      {"GET HTTPS://b.test HTTP/1.1\r\nHost: a\r\n\r\n", "GET b.test / 1.1 keep"},
      {"GET http://b.test/ HTTP/1.0\r\n\r\n", "GET b.test / 1.0 close"},
      {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS a * 1.1 keep"},
      {"OPTIONS http://b.test HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS b.test * 1.1 keep"},
      {"CONNECT b.test:443 HTTP/1.1\r\nHost: b.test:443\r\n\r\n", "CONNECT b.test:443  1.1 keep"},
      {"CONNECT b.test:443 HTTP/1.1\r\nHost: B.test\r\n\r\n", "CONNECT b.test:443  1.1 keep"},
      {"CONNECT b.test:443 HTTP/1.0\r\nHost:\r\n\r\n", "CONNECT b.test:443  1.0 close"},
      {"CONNECT b.test:443 HTTP/1.1\r\nHost: a\r\n\r\n", "bad_request"},
      {"CONNECT b.test:443 HTTP/1.1\r\nHost: b.test:444\r\n\r\n", "bad_request"},
      {"CONNECT b.test HTTP/1.1\r\nHost: a\r\n\r\n", "bad_request"},
      {"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", "bad_request"},
      {"GET b.test:443 HTTP/1.1\r\nHost: a\r\n\r\n", "bad_request"},
      {"GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", "bad_request"},
      {"GET http://u@b.test/x HTTP/1.1\r\nHost: a\r\n\r\n", "bad_request"},
      {"GET http://b,c/x HTTP/1.1\r\nHost: a\r\n\r\n", "bad_request"},
      {"GET http://b.test?x HTTP/1.1\r\nHost: a\r\n\r\n", "bad_request"},
      {"GET ftp://b.test/ HTTP/1.1\r\nHost: a\r\n\r\n", "bad_request"},
      {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", "bad_request"},
      {"GET x HTTP/1.1\r\nHost: a\r\n\r\n", "bad_request"},
      {"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", "bad_request"},
      {"GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n", "bad_request"},
      {"GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n", "bad_request"},
      {"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", "bad_request"},
  });
}

TEST_CASE("http1 request: start lines and hosts that are not one") {
  for (const char* line :
       {"GET /  HTTP/1.1", " GET / HTTP/1.1", "GET / HTTP/1.1 ", "GET\t/ HTTP/1.1", "GET /", "GET",
        "", "GET / HTTP/1.2", "GET / HTTP/2.0", "GET / HTTP/1.10", "GET / http/1.1",
        "G(T / HTTP/1.1", "PRI * HTTP/2.0", "GET / HTTP/1.1\rX: y", "GE\n / HTTP/1.1"})
    check({{std::string(line) + "\r\nHost: a\r\n\r\n",
            *line ? "bad_request" : request_verdict({"Host: a\r\n\r\n"})}});
  for (const char* host : {"", "a,b", "a b", "u@a", "a/", "a:", "a:x", "a:65536", "a:000080", "a:1:2",
                           "[::1", "::1", "[::1]x", "[fe80::1%25e]", "a%2eb", "a..b", ".a", "a\\",
                           "a\x80", "\"a\""})
    check({{"GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n", "bad_request"}});
  check({{"GET / HTTP/1.1\r\n\r\n", "bad_request"},
         {"GET / HTTP/1.1\r\nHost: a\r\nhOST: a\r\n\r\n", "bad_request"},
         {"GET http://b/ HTTP/1.1\r\n\r\n", "bad_request"},
         {"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "GET [::1]:80 / 1.1 keep"},
         {"GET / HTTP/1.1\r\nHost: A_b.C.:1\r\n\r\n", "GET A_b.C.:1 / 1.1 keep"}});
}

TEST_CASE("http1 request: framing is beyond doubt or refused") {
  check({
      {with("Content-Length: 5"), "POST a / 1.1 length=5 keep|Content-Length=5"},
      {with("Content-Length: 007"), "POST a / 1.1 length=7 keep|Content-Length=7"},
      {with("Content-Length: 00"), "POST a / 1.1 length=0 keep|Content-Length=0"},
      {with("Content-Length: 9223372036854775807"),
       "POST a / 1.1 length=9223372036854775807 keep|Content-Length=9223372036854775807"},
      {with("Transfer-Encoding: Chunked"), "POST a / 1.1 chunked keep"},
      {with("Transfer-Encoding: chunked", "GET / HTTP/1.1"), "GET a / 1.1 chunked keep"},
      {with("Transfer-Encoding: chunked", "POST / HTTP/1.0"), "bad_request"},
      {with("Transfer-Encoding: chunked\r\nContent-Length: 5"), "bad_request"},
      {with("Content-Length: 5\r\nTransfer-Encoding: chunked"), "bad_request"},
      {with("Content-Length: 5\r\nContent-Length: 5"), "bad_request"},
      {with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), "bad_request"},
      {with("Transfer-Encoding: gzip, chunked"), "not_implemented"},
      {with("Transfer-Encoding: identity"), "not_implemented"},
      {with("Transfer-Encoding: chunked, gzip"), "bad_request"},
      {with("Transfer-Encoding: chunked, chunked"), "bad_request"},
  });
  for (const char* length : {"", "-5", "+5", "0x5", "5_0", "5 5", "5,5", "5;", "5.0", "\x0b" "5",
                             "9223372036854775808", "18446744073709551616"})
    check({{with(std::string("Content-Length: ") + length), "bad_request"}});
  for (const char* coding : {"", ",chunked", "chunked,", "chunked;q=1", "\"chunked\"", "\xa0" "chunked"})
    check({{with(std::string("Transfer-Encoding: ") + coding), "bad_request"}});
}

TEST_CASE("http1 request: lines that are not fields") {
  using namespace std::string_literals;
  for (const std::string& line :
       {"NoColon"s, ": x"s, "X : y"s, " X: y"s, "X: a\r\n b"s, "X\x80: y"s, "X: a\0b"s, "X: a\x7f"s,
        "X: a\rb"s, "X: a\nY: b"s, "X\0: y"s, "X: a\r"s, "(X): y"s, "\tX: y"s})
    check({{with(line), "bad_request"}});
  check({{"GET / HTTP/1.1\nHost: a\n\n", "bad_request"},
         {"GET / HTTP/1.1\r\nHost: a\r\n\n", "bad_request"},
         {"GET / HTTP/1.1\r\n X: y\r\nHost: a\r\n\r\n", "bad_request"},
         {repeated("\r\n", 4) + "GET / HTTP/1.0\r\n\r\n", "GET  / 1.0 close"},
         {repeated("\r\n", 5) + "GET / HTTP/1.0\r\n\r\n", "bad_request"}});
}

TEST_CASE("http1 request: expectations and upgrades") {
  const std::string upgrade = "Connection: x, Upgrade\r\nSec-WebSocket-Key: k\r\nUpgrade: ";
  const std::string fields = "|Connection=x, Upgrade|Sec-WebSocket-Key=k|Upgrade=";
  check({
      {with("Expect: 100-Continue\r\nContent-Length: 1"),
       "POST a / 1.1 length=1 keep continue|Expect=100-Continue|Content-Length=1"},
      {with("Transfer-Encoding: chunked\r\nExpect: 100-continue"),
       "POST a / 1.1 chunked keep continue|Expect=100-continue"},
      {with("Expect: 100-continue"), "POST a / 1.1 keep"},
      {with("Expect: 100-continue\r\nContent-Length: 1", "POST / HTTP/1.0"),
       "POST a / 1.0 length=1 close|Content-Length=1"},
      {with("Expect: y 100-continue"), "expectation_failed"},
      {with("Expect: 100-continue, 100-continue"), "expectation_failed"},
      {with("Expect: 100-continue\r\nExpect: 100-continue"), "bad_request"},
      {with(upgrade + "WebSocket", "GET / HTTP/1.1"),
       "GET a / 1.1 keep websocket" + fields + "WebSocket"},
      {with(upgrade + "h2c", "GET / HTTP/1.1"), "GET a / 1.1 keep" + fields + "h2c"},
      {with(upgrade + "websocket\r\nUpgrade: websocket", "GET / HTTP/1.1"),
       "GET a / 1.1 keep" + fields + "websocket|Upgrade=websocket"},
      {with(upgrade + "websocket", "GET / HTTP/1.0"), "GET a / 1.0 close" + fields + "websocket"},
      {with(upgrade + "websocket"), "POST a / 1.1 keep" + fields + "websocket"},
      {with("Upgrade: websocket\r\nSec-WebSocket-Key: k", "GET / HTTP/1.1"),
       "GET a / 1.1 keep|Upgrade=websocket|Sec-WebSocket-Key=k"},
      {with(upgrade + "websocket\r\nContent-Length: 5", "GET / HTTP/1.1"), "bad_request"},
      {with(upgrade + "websocket\r\nTransfer-Encoding: chunked", "GET / HTTP/1.1"), "bad_request"},
      {with(upgrade + "websocket\r\nSec-WebSocket-Key: k", "GET / HTTP/1.1"), "bad_request"},
      {"CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", "bad_request"},
  });
}

// At each bound: what just fits, and one byte more.
TEST_CASE("http1 request: limits hold to the byte, however the head is cut") {
  const HeadLimits small{.header_bytes = 40, .header_count = 3, .target_bytes = 10};
  const std::vector<Case> cases = {
      {"GET /234567890 HTTP/1.0\r\n\r\n", "GET  /234567890 1.0 close"},
      {"GET /2345678901 HTTP/1.0\r\n\r\n", "target_too_long"},
      {"GET /" + std::string(200, 'a'), "target_too_long"},
      {std::string(64, 'M') + " /234567890 HTTP/1.0\r\n\r\n",
       std::string(64, 'M') + "  /234567890 1.0 close"},
      {std::string(65, 'M') + " / HTTP/1.0\r\n\r\n", "bad_request"},
      {std::string(300, 'M') + " / HTTP/1.0\r\n\r\n", "target_too_long"},
      {"GET / HTTP/1.0\r\nX: " + std::string(35, 'a') + "\r\n\r\n",
       "GET  / 1.0 close|X=" + std::string(35, 'a')},
      {"GET / HTTP/1.0\r\nX: " + std::string(36, 'a') + "\r\n\r\n", "headers_too_large"},
      {"GET / HTTP/1.0\r\nX: " + std::string(100, 'a'), "headers_too_large"},
      {"GET / HTTP/1.0\r\nA:1\r\nB:2\r\nC:3\r\n\r\n", "GET  / 1.0 close|A=1|B=2|C=3"},
      {"GET / HTTP/1.0\r\nA:1\r\nB:2\r\nC:3\r\nD:4\r\n\r\n", "headers_too_large"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.wire);
    CHECK(request_verdict({one.wire}, small) == one.verdict);
    every_split(one.wire, [&small](const std::vector<std::string_view>& pieces) {
      return request_verdict(pieces, small);
    });
  }
}

TEST_CASE("http1 request: a field alone may be as large as all fields together") {
  const HeadLimits large{.header_bytes = 256 * 1024};
  const std::string name(70'000, 'n');
  CHECK(request_verdict({with(name + ": x")}, large) == "POST a / 1.1 keep|" + name + "=x");
  const std::string value(32 * 1024 - std::string_view("Host: a\r\nX: \r\n").size(), 'v');
  CHECK(request_verdict({with("X: " + value)}) == "POST a / 1.1 keep|X=" + value);
  CHECK(request_verdict({with("X: " + value + "v")}) == "headers_too_large");
}

TEST_CASE("http1 request: a head that drips is searched once") {
  const std::string wire = "GET /" + std::string(8000, 'a') + " HTTP/1.1\r\nHost: a\r\n" +
                           repeated("X: " + std::string(250, 'v') + "\r\n", 90) + "\r\n";
  ScanState scan;
  ParsedRequest head;
  std::size_t searched = 0;
  for (std::size_t have = 1; have < wire.size(); ++have) {
    const auto size = parse_request_head({wire.data(), have}, {}, scan, head);
    REQUIRE(size);
    REQUIRE(*size == 0);
    REQUIRE(scan.searched >= have - 1);  // all but a CR
    REQUIRE(scan.searched >= searched);
    searched = scan.searched;
  }
  const auto size = parse_request_head(wire, {}, scan, head);
  REQUIRE(size);
  CHECK(*size == wire.size());
  CHECK(head.fields().size() == 90);
}

}  // namespace
}  // namespace http1
