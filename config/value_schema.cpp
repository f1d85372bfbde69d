#include "config/value_schema.hpp"

#include "proxy/base/json.hpp"

#include <algorithm>

namespace config {
namespace {

// A value in which a variable stands is read when the file is.
constexpr std::string_view variable = R"({"type":"string","pattern":"\\$\\{"})";

constexpr std::string_view any_text = R"({"type":["string","number","boolean"]})";
constexpr std::string_view any_texts =
    R"({"anyOf":[{"type":["string","number","boolean"]},)"
    R"({"type":"array","items":{"type":["string","number","boolean"]}}]})";
constexpr std::string_view some_texts =
    R"({"anyOf":[{"type":["string","number","boolean"]},)"
    R"({"type":"array","minItems":1,"items":{"type":["string","number","boolean"]}}]})";

std::string json_text(std::string_view text) {
  std::string out = "\"";
  base::append_json(out, text);
  return out + '"';
}

// "0" and 0 are the same text.
void append_word(std::string& out, std::string_view word) {
  out += json_text(word);
  const bool is_number = std::all_of(word.begin(), word.end(),
                                     [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
  if (is_number) out.append(",").append(word);
}

std::string words_schema(const std::vector<std::string_view>& words) {
  std::string out = R"({"anyOf":[{"enum":[)";
  for (const std::string_view word : words) {
    if (word != words.front()) out += ',';
    append_word(out, word);
  }
  return out.append("]},").append(variable) += "]}";
}

std::string range_schema(const Range& range) {
  const std::string least = std::to_string(range.least), most = std::to_string(range.most);
  return R"({"anyOf":[{"type":"integer","minimum":)" + least + R"(,"maximum":)" + most +
         R"(},{"type":"string","pattern":"^[0-9]+$|\\$\\{"}]})";
}

}  // namespace

const std::vector<TypeSchema>& type_schemas() {
  static const std::vector<TypeSchema> all = {
      {"1", R"({"enum":[1,"1"]})"},
      {"a duration",
       R"({"anyOf":[{"const":0},{"type":"string","pattern":"^(0|([0-9]+(ms|s|m|h))+)$|\\$\\{"}]})"},
      {"a size", R"({"anyOf":[{"const":0},)"
                 R"({"type":"string","pattern":"^(0|[0-9]+(B|kB|MB|GB|KiB|MiB|GiB))$|\\$\\{"}]})"},
      {"a percentage", R"({"type":"string","pattern":"^[0-9]+(\\.[0-9]+)?%$|\\$\\{"})"},
      {"a rate", R"({"type":"string","pattern":"^[0-9]+/(s|m|h)$|\\$\\{"})"},
      {"a whole number",
       R"({"anyOf":[{"type":"integer","minimum":0},{"type":"string","pattern":"^[0-9]+$|\\$\\{"}]})"},
      {"a number or auto",
       R"({"anyOf":[{"const":"auto"},{"type":"integer","minimum":1,"maximum":256},)"
       R"({"type":"string","pattern":"^[0-9]+$|\\$\\{"}]})"},
      {"a port", R"({"anyOf":[{"type":"integer","minimum":1,"maximum":65535},)"
                 R"({"type":"string","pattern":"^[0-9]+$|\\$\\{"}]})"},
      {"a status", R"({"anyOf":[{"type":"integer","minimum":200,"maximum":599},)"
                   R"({"type":"string","pattern":"^[0-9]+$|\\$\\{"}]})"},
      {"true or false",
       R"({"anyOf":[{"enum":[true,false,"true","false"]},{"type":"string","pattern":"\\$\\{"}]})"},
      {"a version",
       R"({"anyOf":[{"enum":["1.2","1.3",1.2,1.3]},{"type":"string","pattern":"\\$\\{"}]})"},
      {"a file mode",
       R"({"anyOf":[{"type":"integer"},{"type":"string","pattern":"^0?[0-7]{3}$|\\$\\{"}]})"},
      {"an address",
       R"({"type":"string","pattern":"^[0-9]+(\\.[0-9]+){3}:[0-9]+$|^\\[.*\\]:[0-9]+$|^unix:/|\\$\\{"})"},
      {"an address or a list",
       R"({"anyOf":[{"$ref":"#/$defs/address"},)"
       R"({"type":"array","minItems":1,"items":{"$ref":"#/$defs/address"}}]})"},
      {"a URL", R"({"type":"string","pattern":"^(https?|tcp|udp)://|\\$\\{"})"},
      {"a cluster, or shares",
       R"({"anyOf":[{"type":["string","number"]},{"type":"object","minProperties":1,)"
       R"("additionalProperties":{"$ref":"#/$defs/percentage"}}]})"},
      {"a list of protocols",
       R"({"anyOf":[{"enum":["http1","h2"]},)"
       R"({"type":"array","minItems":1,"uniqueItems":true,"items":{"enum":["http1","h2"]}}]})"},
      {"a list of words",
       R"({"type":"array","minItems":1,"items":{"type":["string","number","boolean"]}})"},
      {"a map",
       R"({"type":"object","additionalProperties":{"$ref":"#/$defs/text_or_a_list_of_texts"}})"},
      {"text", any_text},
      {"one word", any_text},
      {"a name", any_text},
      {"a path", any_text},
      {"a host", any_text},
      {"a field name", any_text},
      {"a selector", any_text},
      {"a regular expression", any_text},
      {"user:group", any_text},
      {"stdout, stderr or a path", any_text},
      {"stdout, stderr, a path or syslog:PATH", any_text},
      {"client, url or a name", any_text},
      {"one word or a template", any_text},
      {"an expression", any_text},
      {"a list of fields", some_texts},
      {"text or a list of texts", any_texts},
      {"names", some_texts},
      {"a list of names", any_texts},
      {"addresses and ranges", any_texts},
      {"a pattern or a list", any_texts},
      {"a host or a list", some_texts},
      {"a path or a list", some_texts},
      {"a method or a list", some_texts},
      {"a selector, an expression or a list of them", some_texts},
      {"a selector or a cookie",
       R"({"anyOf":[{"type":"string"},{"type":"object","required":["cookie"],"properties":)"
       R"({"cookie":{"$ref":"#/$defs/name"},"ttl":{"$ref":"#/$defs/duration"},)"
       R"("path":{"$ref":"#/$defs/path"}},"additionalProperties":false}]})"},
      {"a list of conditions", any_texts},
      {"w3c, b3 or a list of them",
       R"({"anyOf":[{"enum":["w3c","b3"]},)"
       R"({"type":"array","minItems":1,"uniqueItems":true,"items":{"enum":["w3c","b3"]}}]})"},
      {"idempotent, any or a list", any_texts},
  };
  return all;
}

bool has_schema(std::string_view type) {
  const std::vector<TypeSchema>& all = type_schemas();
  return std::any_of(all.begin(), all.end(),
                     [&](const TypeSchema& each) { return each.type == type; });
}

std::string definition_of(std::string_view type) {
  for (const std::string_view article : {"a ", "an "})
    if (type.starts_with(article)) type.remove_prefix(article.size());
  std::string name;
  for (const char c : type)
    if (c == ' ')
      name += '_';
    else if (c != ',' && c != ':')
      name += c;
  return name;
}

std::string value_schema(const Row& row) {
  if (!row.words.empty()) return words_schema(row.words);
  if (row.range) return range_schema(*row.range);
  if (!has_schema(row.type)) return "true";
  return R"({"$ref":"#/$defs/)" + definition_of(row.type) + "\"}";
}

}  // namespace config
