#include "proxy/base/ascii.hpp"
#include "proxy/base/error.hpp"
#include "proxy/base/field_names.hpp"
#include "proxy/base/json.hpp"
#include "proxy/base/utf8.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

TEST_CASE("every reason has a name, and the name leads back to it") {
  for (std::size_t i = 1; i < base::reason_count; ++i) {
    const auto reason = static_cast<base::Reason>(i);
    CHECK_FALSE(base::to_string(reason).empty());
    CHECK(base::reason_from(base::to_string(reason)) == reason);
  }
  CHECK(base::to_string(base::Reason::response_aborted) == "response_aborted");
  CHECK_FALSE(base::reason_from("nonsense"));
}

TEST_CASE("an error says its detail and its cause, and in full its reason before them") {
  base::Error error{base::Reason::reset, base::Fault::upstream, "it left"};
  CHECK(in_words(error) == "it left");
  error.cause = boost::system::errc::make_error_code(boost::system::errc::connection_reset);
  CHECK(in_words(error) == "it left: " + error.cause.message());
  CHECK(in_full(error) == "reset: it left: " + error.cause.message());
}

TEST_CASE("decimal numbers are digits and nothing else") {
  CHECK(base::parse_decimal<std::uint8_t>("255") == 255);
  for (const char* text : {"", "256", "+1", "-1", " 1", "1 ", "0x1", "1_0", "1e1"})
    CHECK_FALSE(base::parse_decimal<std::uint8_t>(text));
}

TEST_CASE("lists are split at commas, trimmed, empty elements left out") {
  std::vector<std::string> seen;
  base::for_each_element(" a,, b\t,c ", [&](std::string_view element) {
    seen.emplace_back(element);
    return true;
  });
  CHECK(seen == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE("what goes into a log line cannot break out of it") {
  std::string out;
  base::append_json(out, "a\"b\\c\n\x01\x7f\xff\xc3\xa9\xed\xa0\x80");
  CHECK(out == "a\\\"b\\\\c\\u000a\\u0001\\u007f\\u00ff\xc3\xa9\\u00ed\\u00a0\\u0080");
}

TEST_CASE("what belongs to a connection is known whatever its case") {
  for (const std::string_view name : base::connection_fields)
    CHECK(base::is_connection_field(name));
  CHECK(base::is_connection_field("Transfer-Encoding"));
  CHECK(base::is_connection_field("HTTP2-Settings"));
  for (const char* name : {"", "close", "host", "content-length", "te2"})
    CHECK_FALSE(base::is_connection_field(name));
}

TEST_CASE("characters of UTF-8 are told from what only looks like them") {
  for (const char* good : {"\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
                           "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    CAPTURE(good);
    const std::string_view text = good;
    CHECK(base::utf8_length(text) == text.size());
    CHECK(base::is_utf8(std::string(good) + "a" + good));
    if (text.size() > 1) CHECK(base::utf8_length(text.substr(0, text.size() - 1)) == 0);
  }
  for (const char* bad : {"\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc3(", "\xff"}) {
    CAPTURE(bad);
    CHECK(base::utf8_length(bad) == 0);
    CHECK_FALSE(base::is_utf8(std::string("a") + bad));
  }
  CHECK(base::utf8_length("") == 0);
  CHECK(base::is_utf8(""));
}

TEST_CASE("each byte is escaped the same wherever it stands in a text") {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string one(1, static_cast<char>(byte));
    std::string alone;
    base::append_json(alone, one);
    for (std::size_t before = 0; before < 17; ++before) {
      CAPTURE(byte);
      CAPTURE(before);
      const std::string left(before, 'l'), right(16 - before, 'r');
      std::string out;
      base::append_json(out, left + one + right);
      CHECK(out == left + alone + right);
    }
  }
}

TEST_CASE("a document's brackets and commas are its writer's business") {
  base::JsonWriter json;
  json.open('{').text("a", "b\"c").key("list").open('[').number(1).number(2).close(']');
  json.key("none").open('{').close('}').boolean("is", true).close('}');
  CHECK(json.take() == R"({"a":"b\"c","list":[1,2],"none":{},"is":true})"
                       "\n");
}

}  // namespace
