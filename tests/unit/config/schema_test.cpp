// The schema and the reference say what the tables say. What the schema accepts and refuses is
// tried with a validator of its own kind: tests/checks/schema.py.
#include "config/schema.hpp"

#include "config/parse.hpp"
#include "config/reference.hpp"
#include "config/value_schema.hpp"
#include "filters/registry.hpp"
#include "tests/harness/json.hpp"
#include "tests/harness/source_folder.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>

namespace {

using harness::Json;

void check_types(const std::vector<config::Row>& rows, const std::string& path) {
  for (const config::Row& row : rows) {
    const std::string here = path + '.' + std::string(row.name);
    check_types(row.rows, here);
    const bool is_told = !row.is_built || !row.rows.empty() || !row.words.empty() || row.range ||
                         row.type == "a list of filters" || config::has_schema(row.type);
    CHECK_MESSAGE(is_told, here, ": \"", row.type, "\" needs a line in config/value_schema.cpp");
  }
}

TEST_CASE("schema: knows each type that the tables name") {
  check_types(config::root_rows(), "");
  for (const config::FilterSpec* spec : filters::specs())
    if (spec->is_built) check_types(spec->rows(), std::string(spec->name));
}

TEST_CASE("schema: each type is JSON and has a name of its own") {
  std::set<std::string> names;
  for (const config::TypeSchema& each : config::type_schemas()) {
    CAPTURE(each.type);
    CHECK_NOTHROW(Json::parse(each.schema));
    CHECK(names.insert(config::definition_of(each.type)).second);
  }
}

TEST_CASE("schema: tells keys, words, defaults and what is required") {
  const Json schema = Json::parse(config::print_schema(filters::specs()));
  const Json& properties = schema["properties"];
  CHECK(properties["limits"]["properties"]["connections"]["default"].number() == 10000);
  CHECK(properties["drain"]["properties"]["timeout"]["default"].text() == "30s");
  CHECK(properties["log"]["properties"]["level"]["description"].text() ==
        "the least that is logged");
  CHECK(schema["required"].items().front().text() == "version");
  const Json& listener = properties["listeners"]["additionalProperties"];
  CHECK(listener["required"].items().front().text() == "bind");
  CHECK(listener["properties"]["routes"]["type"].text() == "array");
  CHECK(listener["properties"]["filters"]["$ref"].text() == "#/$defs/filters");
}

TEST_CASE("reference: has a row for each key and a part for each filter") {
  const std::string page = config::print_reference(filters::specs());
  CHECK(page.find("| `connections` | a whole number | `10000` | downstream, of all listeners |") !=
        page.npos);
  CHECK(page.find("\n### `listeners.NAME.routes[].match`\n") != page.npos);
  for (const config::FilterSpec* spec : filters::specs())
    CHECK((page.find("\n### `" + std::string(spec->name) + "`\n") != page.npos) == spec->is_built);
}

TEST_CASE("reference: the page that is checked in is what the tables say") {
  std::stringstream page;
  page << std::ifstream(harness::source_folder() + "/config/REFERENCE.md").rdbuf();
  const bool is_current = page.str() == config::print_reference(filters::specs());
  CHECK_MESSAGE(is_current,
                "run: build/debug/outrider defaults --markdown >config/REFERENCE.md");
}

}  // namespace
