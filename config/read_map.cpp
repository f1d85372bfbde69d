#include "config/read_map.hpp"

#include "config/hints.hpp"
#include "config/yaml_fault.hpp"

#include <string>

namespace config {
namespace {

using Fields = std::vector<KnownField>;

// Words before numbers before any text.
int rank(const KnownField& field) {
  if (field.type.starts_with("one word") || field.type == "true or false") return 0;
  const bool takes_any = field.type.find("text") != field.type.npos ||
                         field.type.find("path") != field.type.npos;
  return takes_any ? 2 : 1;
}

// `{ total: 5s }` for "5s" where a map is expected: the fields that are required, or the first that
// would take it.
std::string as_map(const Node& scalar, const Reading& reading, const Fields& fields,
                   const ReadField& read) {
  const auto takes = [&](std::size_t field) {
    Mistakes unheard;
    read(field, scalar, Reading{unheard, reading.filters}, true);
    return fields[field].is_built && unheard.empty();
  };
  std::string rows;
  for (std::size_t i = 0; i < fields.size(); ++i)
    if (fields[i].is_required)
      rows += (rows.empty() ? "" : ", ") + std::string(fields[i].name) + ": " +
              (takes(i) && rows.empty() ? in_braces(scalar) : "...");
  for (int turn = 0; turn < 3; ++turn)
    for (std::size_t i = 0; i < fields.size(); ++i)
      if (rows.empty() && rank(fields[i]) == turn && takes(i))
        rows = std::string(fields[i].name) + ": " + in_braces(scalar);
  return "{ " + (rows.empty() ? std::string(fields.front().name) + ": ..." : rows) + " }";
}

bool is_known_map(const Node& node, const Reading& reading, const Fields& fields,
                  const ReadField& read) {
  if (node.is_map()) return true;
  const std::string better = node.is_scalar() ? with_blank(node.written) : "";
  if (!better.empty())
    reading.mistake(node, "a blank is missing behind the colon: write `" + better + '`');
  else if (node.is_scalar() && !node.is_secret)
    reading.mistake(
        node, wrong_kind(node, "a map") + ": write " + as_map(node, reading, fields, read));
  else
    reading.mistake(node, wrong_kind(node, "a map"));
  return false;
}

Node with_known_keys(const Node& node, const Reading& reading, const Fields& fields) {
  std::vector<Key> keys;
  for (const KnownField& field : fields) keys.push_back({field.name, field.is_built});
  return corrected(node, reading, keys);
}

}  // namespace

void read_map(const Node& node, const Reading& reading, const Fields& fields,
              const ReadField& read) {
  if (!is_known_map(node, reading, fields, read)) return;
  const Node known = with_known_keys(node, reading, fields);
  for (const Node::Entry& entry : known.entries)
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (fields[i].name != entry.key) continue;
      if (entry.value->is_null())
        reading.mistakes.add(entry.mark, "\"" + entry.key + "\" has no value: " +
                                             std::string(fields[i].type) + " is expected");
      else
        read(i, *entry.value, reading, false);
    }
  for (const KnownField& field : fields)
    if (field.is_required && !known.find(field.name))
      reading.mistake(node,
                      "\"" + std::string(field.name) + "\" is missing: " + std::string(field.doc));
}

}  // namespace config
