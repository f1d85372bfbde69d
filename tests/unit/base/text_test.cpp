#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "proxy/base/ascii.hpp"
#include "proxy/base/error.hpp"
#include "proxy/base/log.hpp"

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

}  // namespace
