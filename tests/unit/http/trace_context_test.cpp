// The cases are those of the W3C's test suite for trace contexts, as a table.
#include "proxy/http/trace_context.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

using http::Headers;
using http::TraceParent;

const std::string id = "12345678901234567890123456789012";
const std::string span = "1234567890123456";

std::string written(const TraceParent& parent) {
  return std::string(http::view(http::traceparent_text(parent)));
}

TEST_CASE("trace context: a traceparent is taken exactly as the standard writes it") {
  const std::string good = "00-" + id + "-" + span + "-01";
  const struct {
    std::string text;
    std::string taken;  // as it is handed on; "" = refused
  } cases[] = {
      {good, good},
      {"00-" + id + "-" + span + "-00", "00-" + id + "-" + span + "-00"},
      {"00-" + id + "-" + span + "-03", "00-" + id + "-" + span + "-03"},
      {"00-" + id + "-" + span + "-ff", "00-" + id + "-" + span + "-03"},
      {"cc-" + id + "-" + span + "-01", good},
      {"cc-" + id + "-" + span + "-01-what-the-future-will-be-like", good},
      {"cc-" + id + "-" + span + "-01-", good},
      {"cc-" + id + "-" + span + "-03", good},
      {"cc-" + id + "-" + span + "-01.what-the-future-will-be-like", ""},
      {"cc-" + id + "-" + span + "-011", ""},
      {"ff-" + id + "-" + span + "-01", ""},
      {good + "-", ""},
      {good + "-what-the-future-will-be-like", ""},
      {good + "1", ""},
      {".0-" + id + "-" + span + "-01", ""},
      {"0.-" + id + "-" + span + "-01", ""},
      {"000-" + id + "-" + span + "-01", ""},
      {"0-" + id + "-" + span + "-01", ""},
      {"00-00000000000000000000000000000000-" + span + "-01", ""},
      {"00-.2345678901234567890123456789012-" + span + "-01", ""},
      {"00-1234567890123456789012345678901.-" + span + "-01", ""},
      {"00-ABCDEF78901234567890123456789012-" + span + "-01", ""},
      {"00-123456789012345678901234567890123-" + span + "-01", ""},
      {"00-1234567890123456789012345678901-" + span + "-01", ""},
      {"00-" + id + "-0000000000000000-01", ""},
      {"00-" + id + "-.234567890123456-01", ""},
      {"00-" + id + "-123456789012345.-01", ""},
      {"00-" + id + "-ABCDEF7890123456-01", ""},
      {"00-" + id + "-12345678901234567-01", ""},
      {"00-" + id + "-123456789012345-01", ""},
      {"00-" + id + "-" + span + "-.0", ""},
      {"00-" + id + "-" + span + "-0.", ""},
      {"00-" + id + "-" + span + "-0A", ""},
      {"00-" + id + "-" + span + "-001", ""},
      {"00-" + id + "-" + span + "-1", ""},
      {"00_" + id + "-" + span + "-01", ""},
      {"00-" + id + "_" + span + "-01", ""},
      {"00-" + id + "-" + span + "_01", ""},
      {"", ""},
      {"00", ""},
      {"\xef\xbb\xbf" + good, ""},
  };
  for (const auto& each : cases) {
    CAPTURE(each.text);
    const auto parent = http::parse_traceparent(each.text);
    CHECK(parent.has_value() == !each.taken.empty());
    if (parent) CHECK(written(*parent) == each.taken);
  }
}

TEST_CASE("trace context: several traceparent fields are as good as none") {
  Headers headers;
  CHECK_FALSE(http::find_traceparent(headers));
  headers.add("traceparent", "00-" + id + "-" + span + "-01");
  CHECK(http::find_traceparent(headers));
  headers.add("traceparent", "00-" + id + "-" + span + "-01");
  CHECK_FALSE(http::find_traceparent(headers));
  http::set_trace(headers, {{1, 2}, 3, 1});
  CHECK(headers.count(http::Name::traceparent) == 1);
  CHECK(headers.find("traceparent") == "00-00000000000000010000000000000002-0000000000000003-01");
}

std::string tidied(const std::vector<std::string>& lines) {
  Headers headers;
  for (const std::string& line : lines) headers.add("tracestate", line);
  http::tidy_tracestate(headers);
  CHECK(headers.count(http::Name::tracestate) <= 1);
  return std::string(headers.find("tracestate").value_or("(none)"));
}

TEST_CASE("trace context: a tracestate is joined, and refused as a whole") {
  const std::string z(256, 'z'), t(241, 't'), v(14, 'v');
  std::string members_32 = "a0=1", members_33;
  for (int i = 1; i < 32; ++i) members_32 += ",a" + std::to_string(i) + "=1";
  members_33 = members_32 + ",a32=1";
  const struct {
    std::vector<std::string> lines;
    std::string taken;
  } cases[] = {
      {{"foo=1"}, "foo=1"},
      {{"foo=1,bar=2"}, "foo=1,bar=2"},
      {{"foo=1", "bar=2"}, "foo=1,bar=2"},
      {{"foo=1,\t", "", " bar=2 , ,"}, "foo=1,bar=2"},
      {{"foo=1 \t , \t bar=2, \t baz=3"}, "foo=1 \t , \t bar=2, \t baz=3"},
      {{"foo=1,foo=1"}, "foo=1,foo=1"},
      {{"foo@=1,bar=2"}, "(none)"},
      {{"@foo=1,bar=2"}, "(none)"},
      {{"foo@@bar=1,bar=2"}, "(none)"},
      {{"foo@bar@baz=1,bar=2"}, "(none)"},
      {{"foo =1"}, "(none)"},
      {{"FOO=1"}, "(none)"},
      {{"FOO=1", "bar=2"}, "(none)"},
      {{"foo.bar=1"}, "(none)"},
      {{"1a-2f@foo=bar1,foo=bar2"}, "1a-2f@foo=bar1,foo=bar2"},
      {{"foo-_*/bar=bar4"}, "foo-_*/bar=bar4"},
      {{"foo=bar=baz"}, "(none)"},
      {{"foo=,bar=3"}, "(none)"},
      {{"foo"}, "(none)"},
      {{"foo=\x7f"}, "(none)"},
      {{"foo=\xc3\xa4"}, "(none)"},
      {{"foo=a b"}, "foo=a b"},
      {{z + "=1"}, z + "=1"},
      {{z + "z=1"}, "(none)"},
      {{t + "@" + v + "=1"}, t + "@" + v + "=1"},
      {{t + "t@v=1"}, "(none)"},
      {{"t@" + v + "v=1"}, "(none)"},
      {{"foo=" + z}, "foo=" + z},
      {{"foo=" + z + "z"}, "(none)"},
      {{members_32}, members_32},
      {{members_33}, "(none)"},
      {{""}, "(none)"},
  };
  for (const auto& each : cases) {
    CAPTURE(each.lines.front());
    CHECK(tidied(each.lines) == each.taken);
  }
}

TEST_CASE("trace context: a tracestate that is too long loses long members, then the last ones") {
  const std::string z(150, 'z'), s(120, 's');
  const std::string small = "a=" + s + ",b=" + s + ",c=" + s;
  CHECK(tidied({"x=" + z + "," + small, "y=1"}) == small + ",y=1");
  CHECK(tidied({small + ",d=" + s, "e=" + s}) == small + ",d=" + s);
}

TEST_CASE("trace context: B3 says the same in one field or in several") {
  const std::string single = id + "-" + span;
  const struct {
    std::string text, taken;
    bool leaves_open = false;
  } cases[] = {
      {single + "-1", "00-" + single + "-01"},
      {single + "-d", "00-" + single + "-01"},
      {single + "-0", "00-" + single + "-00"},
      {single + "-1-05e3ac9a4f6e3b90", "00-" + single + "-01"},
      {single, "00-" + single + "-00", true},
      {span + "-" + span + "-1", "00-0000000000000000" + span + "-" + span + "-01"},
      {"0", "00-00000000000000000000000000000000-0000000000000000-00"},
      {"1", "00-00000000000000000000000000000000-0000000000000000-01"},
      {"", ""},
      {"2", ""},
      {single + "-", ""},
      {single + "-2", ""},
      {single + "-1-", ""},
      {single + "-1-05", ""},
      {single + "1", ""},
      {id + "-0000000000000000-1", ""},
      {"00000000000000000000000000000000-" + span + "-1", ""},
      {id.substr(1) + "-" + span + "-1", ""},
  };
  for (const auto& each : cases) {
    CAPTURE(each.text);
    const auto parent = http::parse_b3(each.text);
    REQUIRE(parent.has_value() == !each.taken.empty());
    if (!parent) continue;
    CHECK(written(*parent) == each.taken);
    CHECK(parent->leaves_open == each.leaves_open);
  }

  Headers headers;
  CHECK_FALSE(http::parse_b3_fields(headers));
  headers.add("x-b3-sampled", "0");
  auto parent = http::parse_b3_fields(headers);
  REQUIRE(parent);
  CHECK(parent->id.is_none());
  headers.add("X-B3-TraceId", id);
  CHECK_FALSE(http::parse_b3_fields(headers));
  headers.add("X-B3-SpanId", span);
  parent = http::parse_b3_fields(headers);
  REQUIRE(parent);
  CHECK(written(*parent) == "00-" + single + "-00");
  headers.add("x-b3-flags", "1");
  CHECK(http::parse_b3_fields(headers)->flags == 1);
  headers.remove("x-b3-flags");
  headers.remove("x-b3-sampled");
  CHECK(http::parse_b3_fields(headers)->leaves_open);
}

TEST_CASE("trace context: is handed on in the fields in which it came") {
  Headers headers;
  headers.add("b3", "0");
  headers.add("x-b3-traceid", id);
  headers.add("x-b3-parentspanid", span);
  http::set_trace(headers, {{1, 2}, 3, 1});
  CHECK(headers.find("b3") == "0");
  http::set_b3(headers, {{1, 2}, 3, 1});
  const std::string both = "00000000000000010000000000000002-0000000000000003";
  CHECK(headers.find("traceparent") == "00-" + both + "-01");
  CHECK(headers.find("b3") == both + "-1");
  CHECK(headers.find("x-b3-traceid") == "00000000000000010000000000000002");
  CHECK(headers.find("x-b3-spanid") == "0000000000000003");
  CHECK(headers.find("x-b3-sampled") == "1");
  CHECK_FALSE(headers.contains("x-b3-parentspanid"));
}

}  // namespace
