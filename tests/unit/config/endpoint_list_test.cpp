#include "config/endpoint_list.hpp"

#include <doctest/doctest.h>

namespace {

using config::EndpointList;
using config::parse_endpoint_list;

TEST_CASE("endpoint list: as `endpoints` of a cluster, in YAML or JSON, also none") {
  const EndpointList list = parse_endpoint_list(
      "e.yaml", "# two\n- 10.0.0.1:80\n- { address: \"b.test:81\", weight: 3 }\n- unix:/run/a\n");
  CHECK(list.mistakes.empty());
  REQUIRE(list.endpoints.size() == 3);
  CHECK(list.endpoints[0].host == "10.0.0.1");
  CHECK(list.endpoints[1].port == 81);
  CHECK(list.endpoints[1].weight == 3);
  CHECK(list.endpoints[2].is_unix);
  CHECK(parse_endpoint_list("e.json", "[\"[::1]:80\"]").endpoints.size() == 1);
  const EndpointList none = parse_endpoint_list("e.yaml", "[]\n");
  CHECK(none.mistakes.empty());
  CHECK(none.endpoints.empty());
}

TEST_CASE("endpoint list: what is broken says where, and gives nothing") {
  std::string many = "[";
  for (std::size_t i = 0; i <= config::most_listed_endpoints; ++i)
    many += "\"10.0.0.1:" + std::to_string(i + 1) + "\",";
  const struct {
    std::string text, problem;
  } cases[] = {
      {"", "is empty: `[]` stands for no endpoint"},
      {"# nothing\n", "is empty"},
      {"- 10.0.0.1:80\n- 10.0.0.2\n", "e.yaml:2:3: \"10.0.0.2\" has no port"},
      {"- 10.0.0.1:80\n- { weight: 2 }\n", "e.yaml:2:3: \"address\" is missing"},
      {"- 10.0.0.1:80\n- [\n", "e.yaml:"},
      {"endpoints: [\"10.0.0.1:80\"]\n", "a list of endpoints"},
      {"- \"${A}:80\"\n", "e.yaml:1:3"},
      {many + "]", "at most 4096 endpoints"},
  };
  for (const auto& one : cases) {
    const EndpointList list = parse_endpoint_list("e.yaml", one.text);
    REQUIRE(!list.mistakes.empty());
    const std::string said = list.mistakes.front().to_string();
    CHECK_MESSAGE(said.find(one.problem) != std::string::npos, said);
    CHECK(list.endpoints.empty());
  }
}

TEST_CASE("endpoint list: says all that is wrong, each with its place") {
  const EndpointList list = parse_endpoint_list(
      "e.yaml", "- 10.0.0.1\n- 10.0.0.2:80\n- { address: \"10.0.0.3:80\", wait: 1 }\n- http://a\n");
  REQUIRE(list.mistakes.size() == 3);
  CHECK(list.mistakes[0].summary().starts_with("e.yaml:1:3: \"10.0.0.1\" has no port"));
  CHECK(list.mistakes[1].summary().starts_with("e.yaml:3:29: "));
  CHECK(list.mistakes[2].summary().starts_with("e.yaml:4:3: \"http://a\" is a URL"));
}

}  // namespace
