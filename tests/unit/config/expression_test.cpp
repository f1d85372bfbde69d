#include "config/expression.hpp"

#include <doctest/doctest.h>

#include <map>

namespace {

using config::ExchangeField;

struct Exchange final : config::Described {
  std::string_view text(ExchangeField field) const override {
    const auto found = texts.find(field);
    return found == texts.end() ? std::string_view() : found->second;
  }
  std::int64_t number(ExchangeField field) const override {
    const auto found = numbers.find(field);
    return found == numbers.end() ? -1 : found->second;
  }
  std::map<ExchangeField, std::string> texts = {{ExchangeField::cluster, "orders"},
                                                {ExchangeField::path, "/v2/items"},
                                                {ExchangeField::method, "GET"},
                                                {ExchangeField::reason, "reset"}};
  std::map<ExchangeField, std::int64_t> numbers = {{ExchangeField::status, 502},
                                                   {ExchangeField::attempts, 2},
                                                   {ExchangeField::reused, 1},
                                                   {ExchangeField::bytes_out, 2048},
                                                   {ExchangeField::ms_total, 1'500'000}};
};

TEST_CASE("expression: holds or not") {
  const Exchange exchange;
  for (const char* text :
       {"cluster == orders", "cluster == orders and status >= 500", "status < 500 or ms.total > 1s",
        "status == 5xx", "status != 4xx", "not (status == 200)",
        "path == /v2/* and path == *items and path == *2/i*", "path != \"/v2\"", "method == 'GET'",
        "reason", "reused and reused == true", "bytes_out >= 2KiB and bytes_out == 2048",
        "not retry_denied", "ms.connect != 1s", "status>=500 and(status<=502)",
        "status == 200 and status == 201 or attempts > 1"}) {
    CAPTURE(text);
    const config::ParsedExpression parsed = config::parse_expression(text);
    REQUIRE_MESSAGE(parsed.value, parsed.problem);
    CHECK(parsed.value->holds_for(exchange));
  }
  for (const char* text : {"cluster == order", "status > 502", "ms.total <= 1s", "grpc_status",
                           "ms.connect < 1h", "not (cluster == orders)", "cluster == *x*",
                           "status == 200 or (status == 502 and reused == false)"}) {
    CAPTURE(text);
    const config::ParsedExpression parsed = config::parse_expression(text);
    REQUIRE_MESSAGE(parsed.value, parsed.problem);
    CHECK_FALSE(parsed.value->holds_for(exchange));
  }
}

TEST_CASE("expression: says what is wrong") {
  const std::pair<const char*, const char*> cases[] = {
      {"", "a field is missing"},
      {"statsu >= 500", "there is no field \"statsu\", did you mean \"status\"?"},
      {"status = 500", "write `==`"},
      {"status ==", "a value is missing"},
      {"status >= many", "\"status\" is a number"},
      {"ms.total > 5", "5 what?"},
      {"cluster > a", "compared by == or !="},
      {"reused == 1", "true or false"},
      {"(status == 200", "a `)` is missing"},
      {"status == 200 method == GET", "\"method\" stands where `and`, `or`"},
      {"path == \"/a", "never closed"},
      {"status == 200 and", "a field is missing"},
  };
  for (const auto& [text, problem] : cases) {
    CAPTURE(text);
    const config::ParsedExpression parsed = config::parse_expression(text);
    CHECK_FALSE(parsed.value);
    CHECK_MESSAGE(parsed.problem.find(problem) != parsed.problem.npos, parsed.problem);
  }
}

TEST_CASE("expression: is bounded") {
  CHECK_FALSE(config::parse_expression(std::string(5000, ' ')).value);
  CHECK_FALSE(config::parse_expression(std::string(1000, '(') + "reused").value);
  std::string many = "reused";
  while (many.size() < 4000) many += " and reused";
  const config::ParsedExpression parsed = config::parse_expression(many);
  REQUIRE(parsed.value);
  CHECK(parsed.value->holds_for(Exchange()));
}

}  // namespace
