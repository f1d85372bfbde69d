#include "proxy/http1/writer.hpp"

#include <doctest/doctest.h>

#include "tests/unit/http1/verdicts.hpp"

namespace http1 {
namespace {

TEST_CASE("http1 writer: what it writes, the parser reads back") {
  http::Headers headers;
  headers.add("Host", "a.test");
  headers.add("X-Long", std::string(300, 'v'));
  headers.add("Empty", "");
  headers.add(http::Name::content_length, "3");
  std::string out = "before";
  write_request_line(out, "PUT", "/x?y");
  write_fields(out, headers);
  out += "\r\n";
  CHECK(request_verdict({std::string_view(out).substr(6)}) ==
        "PUT a.test /x?y 1.1 length=3 keep|x-long=" + std::string(300, 'v') +
            "|empty=|content-length=3");
  out.clear();
  write_status_line(out, 503);
  CHECK(out == "HTTP/1.1 503 Service Unavailable\r\n");
  out.clear();
  write_status_line(out, 299);
  CHECK(response_verdict({out + "\r\n"}) == "299 1.1 keep body");
}

TEST_CASE("http1 writer: a value that would break the head apart is left out") {
  for (const char c : {'\r', '\n', '\0'}) {
    http::Headers headers;
    headers.add("a", "1");
    headers.add("b", std::string("x") + c + "y: z");
    headers.add("c", "2");
    std::string out;
    write_fields(out, headers);
    CHECK(out == "a: 1\r\nc: 2\r\n");
  }
}

TEST_CASE("http1 writer: chunks and trailers") {
  std::string out;
  write_chunk_size(out, 0x1ab3);
  CHECK(out == "1ab3\r\n");
  out = "3\r\nabc\r\n";
  http::Headers trailers;
  trailers.add("X-Sum", "7");
  write_last_chunk(out, trailers);
  CHECK(chunked_verdict({out}) == "abc;x-sum=7;+0");
}

}  // namespace
}  // namespace http1
