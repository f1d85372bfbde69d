// The hostile messages of tests/corpora/proxy-cases, as far as the parsers alone decide: what must be
// refused is, and nothing smuggled is ever seen as a message.
#include <doctest/doctest.h>

#include <set>

#include "tests/harness/corpus.hpp"
#include "tests/unit/http1/every_split.hpp"

namespace http1 {
namespace {

using base::Bytes;
using base::Reason;
using base::Result;
using harness::cases_of;
using harness::holds;
using harness::Json;

int status_of(Reason reason) {
  switch (reason) {
    case Reason::headers_too_large: return 431;
    case Reason::target_too_long: return 414;
    case Reason::expectation_failed: return 417;
    case Reason::not_implemented: return 501;
    case Reason::upstream_protocol_error: return 502;
    default: return 400;
  }
}

// The body at the front of `wire`, which loses it: nothing = incomplete.
std::optional<Result<void>> take_body(const MessageHead& head, std::string_view& wire) {
  if (!head.is_chunked) {
    const std::uint64_t size = head.content_length.value_or(0);
    if (size > wire.size()) return std::nullopt;
    wire.remove_prefix(static_cast<std::size_t>(size));
    return Result<void>();
  }
  ChunkedDecoder decoder(Side::request, {});
  Bytes input = Bytes::copy_of(wire);
  while (!decoder.has_ended() && !input.empty())
    if (const Result<Bytes> some = decoder.next(input); !some) return Result<void>(some.error());
  if (!decoder.has_ended()) return std::nullopt;
  wire.remove_prefix(wire.size() - input.size());
  return Result<void>();
}

// What a server would make of a connection's bytes.
struct Served {
  std::vector<int> statuses;  // 200 for each that was whole
  int requests = 0;           // whose heads were good
  bool is_smuggled = false;
  bool is_closed = false;
};

Served serve(std::string_view wire) {
  Served served;
  ParsedRequest head;
  while (!wire.empty() && !served.is_closed) {
    ScanState scan;
    const Result<std::size_t> size = parse_request_head(wire, {}, scan, head);
    if (size && *size == 0) break;
    std::optional<Result<void>> body;
    if (size) {
      ++served.requests;
      served.is_smuggled = served.is_smuggled || head.path.starts_with("/smuggled");
      wire.remove_prefix(*size);
      body = take_body(head, wire);
      if (!body) break;
    }
    const bool is_good = size && *body;
    const Reason why = !size ? size.error().reason : is_good ? Reason::none : body->error().reason;
    served.statuses.push_back(is_good ? 200 : status_of(why));
    served.is_closed = !is_good || !head.keeps_alive;
  }
  return served;
}

TEST_CASE("http1 proxy cases: requests") {
  const std::vector<Json> cases = cases_of("h1_requests");
  CHECK(cases.size() > 100);
  for (const Json& one : cases) {
    CAPTURE(one["id"].text());
    const std::string wire = harness::wire_of(one["send"]);
    const Json& expected = one["expect"];
    const Served served = serve(wire);
    CHECK(!served.is_smuggled);
    CHECK(served.requests <= static_cast<int>(expected["max_upstream_requests"].number()));
    if (one["class"].text() == "timeouts") {
      CHECK(served.statuses.empty());
      continue;
    }
    REQUIRE(!served.statuses.empty());
    const bool is_alternative = holds(one["alt"]["status"], served.statuses.front());
    CHECK((holds(expected["status"], served.statuses.front()) || is_alternative));
    if (expected["close"].is_true()) CHECK(served.is_closed);
  }
}

TEST_CASE("http1 proxy cases: requests get the same verdict however they are cut") {
  for (const Json& one : cases_of("h1_requests")) {
    const std::string wire = harness::wire_of(one["send"]);
    CAPTURE(one["id"].text());
    every_split(wire, [](const std::vector<std::string_view>& pieces) {
      return request_verdict(pieces);
    });
    const std::size_t end = wire.find("\r\n\r\n");
    if (one["class"].text() != "chunked" || end == wire.npos) continue;
    every_split(std::string_view(wire).substr(end + 4),
                [](const std::vector<std::string_view>& p) { return chunked_verdict(p); });
  }
}

struct Answered {
  int status = 0;  // 0 = not complete
  bool is_reusable = false;
};

Answered answer(std::string_view wire, bool then_closes) {
  ParsedResponse head;
  for (int interim = 0; interim <= 16; ++interim) {
    ScanState scan;
    const Result<std::size_t> size =
        parse_response_head(wire, {64 * 1024, 200, 0}, http::Method::get, scan, head);
    if (!size) return {502, false};
    if (*size == 0) return {then_closes ? 502 : 0, false};
    wire.remove_prefix(*size);
    if (head.status < 200) continue;
    if (!head.has_body) return {head.status, head.keeps_alive && wire.empty()};
    const std::optional<Result<void>> body = take_body(head, wire);
    if (!body) return {};
    return {*body ? head.status : 502, *body && head.keeps_alive && wire.empty()};
  }
  return {502, false};
}

TEST_CASE("http1 proxy cases: responses") {
  // What sockets, timers or the exchange decide.
  const std::set<std::string> elsewhere = {"unsolicited-idle",      "101-unasked",
                                           "200-on-upgrade",        "early-200-unread-body",
                                           "close-before-response", "never-answers",
                                           "slow-headers-1Bps",     "plaintext-before-tls"};
  const std::vector<Json> cases = cases_of("h1_upstream_responses");
  CHECK(cases.size() > 20);
  for (const Json& one : cases) {
    if (elsewhere.count(one["id"].text())) continue;
    CAPTURE(one["id"].text());
    const Json& expected = one["expect"];
    const std::string wire = harness::wire_of(one["upstream_sends"]);
    const Answered answered = answer(wire, one["upstream_then_closes"].is_true());
    CHECK(holds(expected["downstream_status"], answered.status));
    if (!expected["upstream_connection_reusable"].is_true()) CHECK(!answered.is_reusable);
    every_split(wire, [](const std::vector<std::string_view>& p) { return response_verdict(p); });
  }
}

}  // namespace
}  // namespace http1
