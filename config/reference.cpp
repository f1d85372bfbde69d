#include "config/reference.hpp"

#include "config/expression.hpp"
#include "config/parse.hpp"
#include "config/rows.hpp"

namespace config {
namespace {

constexpr std::string_view head =
    "# Reference\n"
    "\n"
    "Every key of a configuration, made by `outrider defaults --markdown`. A file is checked by\n"
    "`outrider check FILE`; an editor completes by the schema that `outrider schema` prints.\n"
    "\n"
    "Durations are whole numbers with `ms`, `s`, `m`, `h`, also joined (`1m30s`); sizes `B`, "
    "`kB`,\n"
    "`MB`, `GB` (1000) and `KiB`, `MiB`, `GiB` (1024); rates `200/s`, `12000/m`, `5/h`; "
    "percentages\n"
    "`12.5%`. `${VAR}`, `${VAR:-default}` and `${file:/path}` may stand in any value. Top-level "
    "keys\n"
    "that begin with `x-` are skipped: a home for anchors.\n";

// A table is torn by a line's end or a bar.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text)
    if (c == '|')
      out += "\\|";
    else
      out += c == '\n' ? ' ' : c;
  return out;
}

std::string fallback_cell(const Row& row) {
  if (row.is_required) return "*required*";
  const std::string value = default_of(row);
  if (value.empty()) return "";
  return is_in_words(value) ? cell(value) : '`' + cell(value) + '`';
}

std::string below(const std::string& path, const Row& row) {
  std::string out = path.empty() ? std::string(row.name) : path + '.' + std::string(row.name);
  if (between(row) == Between::names) out += ".NAME";
  if (between(row) == Between::dashes) out += "[]";
  return out;
}

void print_section(std::string& out, const std::string& title, std::string_view doc,
                   const std::string& path, const std::vector<Row>& rows, std::size_t depth) {
  out.append("\n").append(depth, '#').append(" ").append(title) += '\n';
  if (!doc.empty()) out.append("\n").append(doc) += '\n';
  if (rows.empty()) return;
  out += "\n| key | value | default | what it is |\n|---|---|---|---|\n";
  for (const Row& row : rows) {
    if (!row.is_built) continue;
    const bool is_map = !row.rows.empty();
    out.append("| `").append(row.name).append("` | ");
    out.append(is_map ? "see `" + below(path, row) + '`' : cell(kind_of(row))).append(" | ");
    out.append(is_map ? "" : fallback_cell(row)).append(" | ").append(cell(row.doc)) += " |\n";
  }
  for (const Row& row : rows)
    if (row.is_built && !row.rows.empty())
      print_section(out, '`' + below(path, row) + '`', row.doc, below(path, row), row.rows, 3);
}

// The one language of `access_log.when`, `key` and `outrider tap`.
void print_expressions(std::string& out) {
  out +=
      "\n## Expressions\n\nBy `access_log.when`, `outrider tap` and the `key` of a filter a request is "
      "asked in one language:\n\n"
      "    cluster == orders and (status >= 500 or ms.total > 1s) and not method == HEAD\n\n"
      "A field stands alone (it is there, and not 0) or is compared by `==`, `!=`, `<`, `<=`, `>`, "
      "`>=` with a word or a\nquoted text, in which a `*` at either end stands for any; with `5xx`; "
      "times with a duration, bytes with a size. These\nare the fields, by which also "
      "`access_log.fields` and the `{NAME}` of `access_log.format` go, and there `ts`, when it\n"
      "began. A `key` knows those that are known before the answer, and selectors: "
      "`header:NAME`, `cookie:NAME`, `source_ip`,\n`route`, `cluster`, `path`; an expression that "
      "compares makes two groups of requests, a field alone one for each value.\n\n"
      "| field | in a `key` | what it is |\n|---|---|---|\n";
  for (const NamedField& field : exchange_fields())
    out.append("| `").append(field.name).append("` | ").append(field.is_asked_first ? "yes" : "").append(
        " | ").append(cell(field.doc)) += " |\n";
}

}  // namespace

std::string print_reference(const std::vector<const FilterSpec*>& filters) {
  std::string out(head);
  print_section(out, "The file", "", "", root_rows(), 2);
  out +=
      "\n## Filters\n\nEach is an item of a list `filters`: of a listener, a route or a cluster. "
      "They run in the order in\nwhich they are listed.\n";
  for (const FilterSpec* spec : filters)
    if (spec->is_built)
      print_section(out, '`' + std::string(spec->name) + '`', spec->doc, std::string(spec->name),
                    spec->rows(), 3);
  print_expressions(out);
  return out;
}

}  // namespace config
