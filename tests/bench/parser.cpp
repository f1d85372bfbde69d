// What reading and writing the heads of HTTP/1 costs: a small request, a browser's request, a
// response, the same as a table of headers, chunk framing.
#include "proxy/http1/parser.hpp"

#include "proxy/http1/chunked.hpp"
#include "proxy/http1/writer.hpp"
#include "tests/bench/measure.hpp"

#include <cstdlib>
#include <string>

namespace {

constexpr std::string_view small_request =
    "GET /api/v1/orders/17 HTTP/1.1\r\nHost: orders.internal:8443\r\n\r\n";

constexpr std::string_view usual_request =
    "GET /api/v1/orders/17?expand=lines&sort=name HTTP/1.1\r\n"
    "Host: orders.internal:8443\r\n"
    "User-Agent: outrider-bench/1.0 (x86_64)\r\n"
    "Accept: application/json, text/plain;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "X-Request-Id: 0190a0c8-7f3e-7c11-9a55-3a0b8c0f51d2\r\n"
    "Content-Type: application/json\r\n"
    "Connection: keep-alive\r\n\r\n";

constexpr std::string_view usual_response =
    "HTTP/1.1 200 OK\r\n"
    "Server: origin/2.4\r\n"
    "Date: Sat, 21 Nov 2026 06:49:04 GMT\r\n"
    "Content-Type: application/json; charset=utf-8\r\n"
    "Content-Length: 1024\r\n"
    "Cache-Control: private, max-age=0\r\n"
    "Etag: \"5f1e-1234567890abcdef\"\r\n"
    "Vary: accept-encoding\r\n\r\n";

std::size_t seen = 0;

const http1::HeadLimits limits;

void parse_request(std::string_view wire) {
  http1::ScanState scan;
  http1::ParsedRequest& head = http1::scratch_request_head();
  const auto size = http1::parse_request_head(wire, limits, scan, head);
  if (!size || *size != wire.size()) std::abort();
  seen += head.fields().size();
}

http::Headers table_of(const http1::MessageHead& head) {
  http::Headers headers;
  headers.reserve(head.field_bytes(), head.fields().size() + 4);
  for (const http1::FieldView& field : head.fields())
    headers.add(field.id, field.name, field.value);
  return headers;
}

void parse_response(std::string_view wire) {
  http1::ScanState scan;
  http1::ParsedResponse& head = http1::scratch_response_head();
  const auto size = http1::parse_response_head(wire, limits, http::Method::get, scan, head);
  if (!size || *size != wire.size()) std::abort();
  seen += head.fields().size();
}

void drip(std::string_view wire) {
  http1::ScanState scan;
  http1::ParsedRequest& head = http1::scratch_request_head();
  for (std::size_t have = 1; have <= wire.size(); ++have) {
    const auto size = http1::parse_request_head(wire.substr(0, have), limits, scan, head);
    if (!size) std::abort();
    seen += *size;
  }
}

void measure_heads() {
  constexpr std::uint64_t times = 200'000;
  bench::measure("request, 63 bytes, 1 field", times,
                 [](std::uint64_t) { parse_request(small_request); });
  bench::measure("request, 327 bytes, 7 fields", times,
                 [](std::uint64_t) { parse_request(usual_request); });
  bench::measure("the same, and its table of headers", times, [](std::uint64_t) {
    parse_request(usual_request);
    seen += table_of(http1::scratch_request_head()).size();
  });
  bench::measure("response, 241 bytes, 7 fields", times,
                 [](std::uint64_t) { parse_response(usual_response); });
  parse_response(usual_response);
  const http::Headers headers = table_of(http1::scratch_response_head());
  std::string out;
  bench::measure("write that response's head", times, [&](std::uint64_t) {
    out.clear();
    http1::write_status_line(out, 200);
    http1::write_fields(out, headers);
    seen += out.size();
  });
}

void measure_rest() {
  const std::string target(8000, 'a');
  const std::string slow =
      "GET /" + target + " HTTP/1.1\r\nHost: a.test\r\nX: " + target + "\r\n\r\n";
  bench::measure("a head of 16 KB, byte by byte", 20, [&](std::uint64_t) { drip(slow); });
  std::string chunks;
  for (int i = 0; i < 64; ++i) chunks += "10\r\n0123456789abcdef\r\n";
  chunks += "0\r\n\r\n";
  const base::Bytes wire = base::Bytes::copy_of(chunks);
  bench::measure("a body of 64 chunks of 16 bytes", 20'000, [&](std::uint64_t) {
    http1::ChunkedDecoder decoder(http1::Side::request, {});
    base::Bytes input = wire;
    while (!decoder.has_ended()) {
      const auto piece = decoder.next(input);
      if (!piece) std::abort();
      seen += piece->size();
    }
  });
}

}  // namespace

int main() {
  measure_heads();
  measure_rest();
  std::printf("(%zu)\n", seen % 10);
}
