#include <doctest/doctest.h>

#include "tests/unit/http1/every_split.hpp"

namespace http1 {
namespace {

using http::Method;

struct Case {
  std::string wire, verdict;
  Method request = Method::get;
};

void check(const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    CAPTURE(one.wire.substr(0, 200));
    CHECK(response_verdict({one.wire}, {}, one.request) == one.verdict);
    every_split(one.wire, [&one](const std::vector<std::string_view>& pieces) {
      return response_verdict(pieces, {}, one.request);
    });
  }
}

TEST_CASE("http1 response: what a head says, and what body follows") {
  check({
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde",
       "200 1.1 length=5 keep body|Content-Length=5"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200 1.1 length=0 keep|Content-Length=0"},
      {"HTTP/1.1 200\r\n\r\n", "200 1.1 keep body"},
      {"HTTP/1.1 200 \r\n\r\n", "200 1.1 keep body"},
      {"HTTP/1.1 200 A\tphrase \xff\r\nTransfer-Encoding: chunked\r\n\r\n",
       "200 1.1 chunked keep body"},
      {"HTTP/1.0 200 OK\r\n\r\n", "200 1.0 close body"},
      {"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nKeep-Alive: max=9, Timeout=7\r\n\r\n",
       "200 1.0 keep body timeout=7|Connection=Keep-Alive|Keep-Alive=max=9, Timeout=7"},
      {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
       "304 1.1 length=5 keep|Content-Length=5"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "200 1.1 length=5 keep|Content-Length=5",
       Method::head},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "200 1.1 chunked keep",
       Method::head},
      {"HTTP/1.1 200 OK\r\n\r\n", "200 1.1 keep", Method::connect},
      {"HTTP/1.1 600 What\r\nContent-Length: 1\r\n\r\n",
       "600 1.1 length=1 keep body|Content-Length=1"},
      {"HTTP/1.1 999 What\r\nContent-Length: 1\r\n\r\n",
       "999 1.1 length=1 keep body|Content-Length=1"},
      {"HTTP/1.1 405 No\r\nContent-Length: 1\r\n\r\n",
       "405 1.1 length=1 keep body|Content-Length=1", Method::connect},
      {"HTTP/1.1 200 OK\r\nHost: x\r\nExpect: y\r\n\r\n", "200 1.1 keep body|Host=x|Expect=y"},
      {"HTTP/1.1 200 OK\r\nConnection: x; y\r\n\r\n", "200 1.1 close body|Connection=x; y"},
      {"HTTP/1.1 20", "incomplete"},
  });
}

TEST_CASE("http1 response: what never has a body loses its length") {
  check({
      {"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n", "204 1.1 keep|X=y"},
      {"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", "204 1.1 keep"},
      {"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\nX: y\r\n\r\nabcde", "204 1.1 close|X=y"},
      {"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", "204 1.1 close"},
      {"HTTP/1.1 100 Continue\r\n\r\n", "100 1.1 keep"},
      {"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n", "103 1.1 close"},
      {"HTTP/1.1 103 Early Hints\r\nContent-Length: 0\r\n\r\n", "103 1.1 close"},
      {"HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n", "100 1.1 close"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "200 1.1 close", Method::connect},
  });
}

TEST_CASE("http1 response: what cannot be read safely") {
  using namespace std::string_literals;
  for (const std::string& wire :
       {"HTP/1.1 200 OK\r\n\r\n"s, "HTTP/1.1  200 OK\r\n\r\n"s, "HTTP/1.1 20 OK\r\n\r\n"s,
        "HTTP/1.1 2000 OK\r\n\r\n"s, "HTTP/1.1 +20 OK\r\n\r\n"s, "HTTP/1.1 099 OK\r\n\r\n"s,
        "HTTP/1.1 6000 OK\r\n\r\n"s, "HTTP/2.0 200 OK\r\n\r\n"s, "HTTP/1.1 200OK\r\n\r\n"s,
        "\r\nHTTP/1.1 200 OK\r\n\r\n"s, "HTTP/1.1 200 OK\nX: y\r\n\r\n"s,
        "HTTP/1.1 200 O\0K\r\n\r\n"s, "HTTP/1.1 200 O\rK\r\n\r\n"s, "HTTP/1.1\r\n\r\n"s,
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"s,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"s,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"s,
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"s,
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"s,
        "HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\n"s,
        "HTTP/1.1 200 OK\r\nLocation: /a\r\n\tX: b\r\n\r\n"s,
        "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n"s})
    check({{wire, "upstream_protocol_error"}});
}

TEST_CASE("http1 response: limits hold to the byte, and a field alone may be as large as all") {
  const HeadLimits small{.header_bytes = 40, .header_count = 3};
  const auto verdict = [&small](const std::vector<std::string_view>& pieces) {
    return response_verdict(pieces, small);
  };
  const std::string phrase(27, 'p');
  const std::string value(35, 'v');
  for (const std::string& wire :
       {"HTTP/1.1 200 " + phrase + "\r\n\r\n", "HTTP/1.1 200 OK\r\nX: " + value + "\r\n\r\n",
        std::string("HTTP/1.1 200 OK\r\nA:1\r\nB:2\r\nC:3\r\n\r\n")}) {
    CHECK(verdict({wire}).starts_with("200 1.1 keep body"));
    every_split(wire, verdict);
  }
  for (const std::string& wire :
       {"HTTP/1.1 200 p" + phrase, "HTTP/1.1 200 OK\r\nX: v" + value + "\r\n\r\n",
        std::string("HTTP/1.1 200 OK\r\nA:\r\nB:\r\nC:\r\nD:\r\n\r\n")}) {
    CHECK(verdict({wire}) == "upstream_protocol_error");
    every_split(wire, verdict);
  }
}

TEST_CASE("http1 response: no timeout but a number of seconds") {
  for (const char* value : {"timeout=", "timeout=-1", "timeout=\"5\"", "timeout=5x", "time=5",
                            "timeout=99999999999", "timeout =5"}) {
    const std::string verdict =
        response_verdict({"HTTP/1.1 200 OK\r\nKeep-Alive: " + std::string(value) + "\r\n\r\n"});
    CHECK(verdict == "200 1.1 keep body|Keep-Alive=" + std::string(value));
  }
}

}  // namespace
}  // namespace http1
