#include "filters/graphql_operation.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

namespace {

std::string name_in(std::string_view json, std::size_t cut) {
  filters::GraphqlOperation operation;
  if (!operation.pass(json.substr(0, cut))) operation.pass(json.substr(cut));
  return operation.name();
}

TEST_CASE("graphql operation: found among the object's own members, however it is cut") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"operationName":"GetOrder","query":"query GetOrder { a }"})", "GetOrder"},
      {R"( { "query" : "q { a \"operationName\": x }" , "operationName" : "_A1" } )", "_A1"},
      {R"({"variables":{"operationName":"no","l":[{"operationName":"no"},"]"]},"operationName":"Yes"})",
       "Yes"},
      {R"({"operationName":null,"query":"{ a }"})", ""},
      {R"({"operationName":{"operationName":"No"}})", ""},
      {R"({"operationName":"not a name"})", ""},
      {R"({"operationName":"1a"})", ""},
      {R"({"operationName":"a\u0062"})", ""},
      {R"({"operationName":""})", ""},
      {R"([{"operationName":"A"}])", ""},
      {R"({"query":"operationName"})", ""},
      {R"({"a":"operationName","b":"B"})", ""},
      {R"({"operation\u004eame":"A"})", ""},
      {R"({"query":"x\\","operationName":"A"})", "A"},
      {"{\"operationName\":\"" + std::string(128, 'a') + "\"}", std::string(128, 'a')},
      {"{\"operationName\":\"" + std::string(129, 'a') + "\"}", ""},
      {"}}]]\"", ""},
      {"", ""},
  };
  for (const auto& [json, expected] : cases) {
    CAPTURE(json);
    for (std::size_t cut = 0; cut <= json.size(); ++cut) REQUIRE(name_in(json, cut) == expected);
  }
}

TEST_CASE("graphql operation: nothing is looked at behind the name") {
  filters::GraphqlOperation operation;
  CHECK(operation.pass(R"({"operationName":"A")"));
  CHECK(operation.pass(R"(,"operationName":"B"})"));
  CHECK(operation.name() == "A");
}

}  // namespace
