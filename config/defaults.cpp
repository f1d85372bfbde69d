#include "config/defaults.hpp"

#include "config/parse.hpp"
#include "config/rows.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace config {
namespace {

constexpr std::size_t doc_column = 44;

// What has no default, and is said nevertheless: with it the list is a configuration that holds.
struct Example {
  std::string_view place, value;
};
constexpr Example examples[] = {
    {"version", "1"},
    {"listeners.bind", "127.0.0.1:15001"},
    {"listeners.routes.to", "NAME"},
    {"clusters.url", "http://127.0.0.1:8080"},
};

std::string_view example_of(const std::string& place) {
  const auto* const found =
      std::find_if(std::begin(examples), std::end(examples),
                   [&](const Example& example) { return example.place == place; });
  return found == std::end(examples) ? std::string_view() : found->value;
}

void print_line(std::string& out, std::string line, std::string_view comment) {
  line.resize(std::max(line.size() + 1, doc_column), ' ');
  out += line.append("# ").append(comment) + '\n';
}

bool is_absent(const Row& row);

// Of a section: it is off, or cannot be there by its defaults, or has none in it.
bool is_absent_section(const Row& row) {
  if (between(row) == Between::names) return false;
  const auto is_required = [](const Row& each) { return each.is_required; };
  const auto says_nothing = [](const Row& each) { return is_absent(each) || !each.is_built; };
  return row.is_off || std::any_of(row.rows.begin(), row.rows.end(), is_required) ||
         std::all_of(row.rows.begin(), row.rows.end(), says_nothing);
}

// Whether nothing of it is in force unless it is written.
bool is_absent(const Row& row) {
  if (row.is_required) return false;
  if (!row.rows.empty()) return is_absent_section(row);
  const std::string value = default_of(row);
  return value.empty() || is_in_words(value);
}

void print_row(std::string& out, const Row& row, std::string_view example,
               const std::string& margin) {
  const bool is_map = !row.rows.empty();
  const std::string value = is_map || row.is_required ? "" : default_of(row);
  std::string comment = row.is_required ? "required; " : "";
  if (!is_map) comment += kind_of(row) + "; ";
  comment += row.doc;
  if (is_in_words(value)) comment += "; default: " + value;
  std::string line = margin + std::string(row.name) + ':';
  if (!example.empty())
    line.append(" ").append(example);
  else if (!is_map && !row.is_required && !is_absent(row))
    line.append(" ").append(value);
  print_line(out, std::move(line), comment);
}

std::string_view lead_of(const Row& row) {
  const Between within = between(row);
  return within == Between::names ? "NAME:" : within == Between::dashes ? "-" : "";
}

// What is absent unless it is written stands behind a `#`, with all that stands in it. within: the
// keys that they stand in, a dot behind each.
void print_rows(std::string& out, const std::vector<Row>& rows, const std::string& margin,
                const std::string& within) {
  for (const Row& row : rows) {
    if (!row.is_built) continue;
    const std::string place = within + std::string(row.name);
    const std::string_view example = example_of(place);
    const std::string own = margin + (example.empty() && is_absent(row) ? "# " : "");
    print_row(out, row, example, own);
    const std::string_view lead = row.rows.empty() ? std::string_view() : lead_of(row);
    if (!lead.empty()) out.append(own).append("  ").append(lead) += '\n';
    print_rows(out, row.rows, own + (lead.empty() ? "  " : "    "), place + '.');
  }
}

}  // namespace

std::string print_rows(const std::vector<Row>& rows) {
  std::string out;
  print_rows(out, rows, "", "");
  return out;
}

std::string print_defaults(const std::vector<const FilterSpec*>& filters) {
  std::string out =
      "# Every key of a configuration, with its default. What has none stands behind a `#`: it is\n"
      "# absent unless it is written. NAME, and where it listens and sends to, are examples.\n";
  print_rows(out, root_rows(), "", "");
  out += "\n# The filters, each an item of a list `filters`; what begins with `x-` is passed over.\n"
         "x-filters:\n";
  for (const FilterSpec* spec : filters) {
    if (!spec->is_built) continue;
    print_line(out, "- " + std::string(spec->name) + ':', spec->doc);
    print_rows(out, spec->rows(), "    ", "x-filters.");
  }
  return out;
}

}  // namespace config
