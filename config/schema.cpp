#include "config/schema.hpp"

#include "config/parse.hpp"
#include "config/rows.hpp"
#include "config/value_schema.hpp"
#include "proxy/base/ascii.hpp"
#include "proxy/base/json.hpp"

#include <algorithm>

namespace config {
namespace {

constexpr std::string_view list_of_filters = "a list of filters";

bool is_required(const Row& row) {
  return row.is_required;
}

// Known in its default only, and so accepted in that.
bool is_fixed(const Row& row) {
  return !row.is_built && !row.fallback.empty();
}

void write_rows(base::JsonWriter& json, const std::vector<Row>& rows);

// As a number or a word of JSON where the type is one, else as text.
void write_default(base::JsonWriter& json, const Row& row) {
  const std::string value = default_of(row);
  if (value.empty() || is_in_words(value) || value[0] == '[') return;
  json.key("default");
  const bool is_number = row.range && std::all_of(value.begin(), value.end(), base::is_digit);
  if (is_number || row.type == "true or false")
    json.raw(value);
  else
    json.text(value);
}

void write_within(base::JsonWriter& json, const Row& row) {
  switch (between(row)) {
    case Between::nothing:
      return write_rows(json, row.rows);
    case Between::names:
      json.text("type", "object").key("additionalProperties").open('{');
      break;
    case Between::dashes:
      json.text("type", "array").number("minItems", 1).key("items").open('{');
      break;
  }
  if (row.type != "a list of endpoints") {
    write_rows(json, row.rows);
  } else {
    json.key("anyOf").open('[').open('{').text("type", "string").close('}').open('{');
    write_rows(json, row.rows);
    json.close('}').close(']');
  }
  json.close('}');
}

void write_row(base::JsonWriter& json, const Row& row) {
  json.key(row.name).open('{').text("description", row.doc);
  if (is_fixed(row)) {
    json.key("enum").open('[').text(row.fallback).close(']').close('}');
    return;
  }
  if (!row.rows.empty()) {
    write_within(json, row);
  } else if (row.type == list_of_filters) {
    json.text("$ref", "#/$defs/filters");
  } else {
    write_default(json, row);
    json.key("allOf").open('[').raw(value_schema(row)).close(']');
  }
  json.close('}');
}

// A map of these keys and no others.
void write_rows(base::JsonWriter& json, const std::vector<Row>& rows) {
  json.text("type", "object").boolean("additionalProperties", false).key("properties").open('{');
  for (const Row& row : rows)
    if (row.is_built || is_fixed(row)) write_row(json, row);
  json.close('}');
  if (std::none_of(rows.begin(), rows.end(), is_required)) return;
  json.key("required").open('[');
  for (const Row& row : rows)
    if (row.is_required) json.text(row.name);
  json.close(']');
}

bool has_required(const FilterSpec& spec) {
  const std::vector<Row> rows = spec.rows();
  return std::any_of(rows.begin(), rows.end(), is_required);
}

// `retry`, `retry:` and `retry: {}` are the same, if nothing in it is required.
void write_filter(base::JsonWriter& json, const FilterSpec& spec) {
  json.key(spec.name).open('{').text("description", spec.doc).key("anyOf").open('[').open('{');
  write_rows(json, spec.rows());
  json.close('}');
  if (!has_required(spec)) json.open('{').text("type", "null").close('}');
  json.close(']').close('}');
}

void write_filters(base::JsonWriter& json, const std::vector<const FilterSpec*>& filters) {
  json.key("filters").open('{').text("type", "array").key("items").open('{');
  json.key("anyOf").open('[').open('{').key("enum").open('[');
  for (const FilterSpec* spec : filters)
    if (spec->is_built && !has_required(*spec)) json.text(spec->name);
  json.close(']').close('}').open('{').text("type", "object");
  json.number("minProperties", 1).number("maxProperties", 1);
  json.boolean("additionalProperties", false).key("properties").open('{');
  for (const FilterSpec* spec : filters)
    if (spec->is_built) write_filter(json, *spec);
  json.close('}').close('}').close(']').close('}').close('}');
}

}  // namespace

std::string print_schema(const std::vector<const FilterSpec*>& filters) {
  base::JsonWriter json;
  json.open('{').text("$schema", "https://json-schema.org/draft/2020-12/schema");
  json.text("title", "A configuration of Outrider");
  write_rows(json, root_rows());
  // Top-level keys beginning with x- are a home for anchors.
  json.key("patternProperties").open('{').boolean("^x-", true).close('}');
  json.key("$defs").open('{');
  write_filters(json, filters);
  for (const TypeSchema& each : type_schemas()) json.key(definition_of(each.type)).raw(each.schema);
  return json.close('}').close('}').take();
}

}  // namespace config
