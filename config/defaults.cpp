#include "config/defaults.hpp"

#include "config/parse.hpp"
#include "config/rows.hpp"

#include <algorithm>

namespace config {
namespace {

constexpr std::size_t doc_column = 44;

void print_line(std::string& out, std::string line, std::string_view comment) {
  line.resize(std::max(line.size() + 1, doc_column), ' ');
  out += line.append("# ").append(comment) + '\n';
}

// What is absent unless it is written stands behind a `#`.
void print_row(std::string& out, const Row& row, const std::string& margin) {
  const bool is_map = !row.rows.empty();
  const std::string value = is_map || row.is_required ? "" : default_of(row);
  const bool is_absent = !is_map && (value.empty() || is_in_words(value));
  std::string comment = row.is_required ? "required; " : "";
  if (!is_map) comment += kind_of(row) + "; ";
  comment += row.doc;
  if (is_in_words(value)) comment += "; default: " + value;
  print_line(out,
             margin + (is_absent ? "# " : "") + std::string(row.name) + ':' +
                 (is_absent || is_map ? "" : ' ' + value),
             comment);
}

std::string_view lead_of(const Row& row) {
  const Between within = between(row);
  return within == Between::names ? "NAME:" : within == Between::dashes ? "-" : "";
}

void print_rows(std::string& out, const std::vector<Row>& rows, const std::string& margin) {
  for (const Row& row : rows) {
    if (!row.is_built) continue;
    print_row(out, row, margin);
    const std::string_view lead = row.rows.empty() ? std::string_view() : lead_of(row);
    if (!lead.empty()) out.append(margin).append("  ").append(lead) += '\n';
    print_rows(out, row.rows, margin + (lead.empty() ? "  " : "    "));
  }
}

}  // namespace

std::string print_rows(const std::vector<Row>& rows) {
  std::string out;
  print_rows(out, rows, "");
  return out;
}

std::string print_defaults(const std::vector<const FilterSpec*>& filters) {
  std::string out =
      "# Every key of a configuration, with its default. What has none stands behind a `#`: it is\n"
      "# absent unless it is written.\n";
  print_rows(out, root_rows(), "");
  out += "\n# The filters, each an item of a list `filters`.\n";
  for (const FilterSpec* spec : filters) {
    if (!spec->is_built) continue;
    print_line(out, "- " + std::string(spec->name) + ':', spec->doc);
    print_rows(out, spec->rows(), "    ");
  }
  return out;
}

}  // namespace config
