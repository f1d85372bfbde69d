#include "config/expression.hpp"
#include "config/parse.hpp"

#include <algorithm>

namespace config {
namespace {

constexpr std::string_view timestamp_field = "ts";

bool is_line_field(std::string_view name) {
  return name == timestamp_field || exchange_field(name);
}

std::string no_such_field(std::string_view name) {
  std::vector<std::string_view> known = exchange_field_names();
  known.push_back(timestamp_field);
  return "there is no field \"" + std::string(name) + '"' + meant_or_known(name, known);
}

// What is wrong with a line's template; "" = nothing.
std::string template_problem(std::string_view text) {
  for (std::size_t open = text.find('{'); open != text.npos; open = text.find('{', open)) {
    if (text.substr(open, 2) == "{{") {
      open += 2;
      continue;
    }
    const std::size_t end = text.find('}', open);
    if (end == text.npos) return "a `{` is never closed; a brace itself is written {{";
    const std::string_view name = text.substr(open + 1, end - open - 1);
    if (!is_line_field(name)) return no_such_field(name);
    open = end;
  }
  return {};
}

constexpr const char* format_words[] = {"json", "text", "none"};

void read_format(const Node& node, const Reading& reading, AccessLog& into) {
  const std::string* text = scalar_of(node, reading, "json, text, none or a template");
  if (!text) return;
  if (text->find('{') == text->npos)
    return read_word(node, reading, {std::begin(format_words), std::end(format_words)},
                     [&](std::size_t index) { into.format = static_cast<AccessLogFormat>(index); });
  if (std::string problem = template_problem(*text); !problem.empty())
    return reading.mistake(node, std::move(problem));
  into.format = AccessLogFormat::text;
  into.line = *text;
}

NodePtr write_format(const AccessLog& log) {
  return scalar(log.line.empty() ? format_words[static_cast<std::size_t>(log.format)] : log.line);
}

void read_fields(const Node& node, const Reading& reading, AccessLog& into) {
  into.fields.clear();
  for_each_text(node, reading, [&](const Node& item, const std::string& name) {
    if (!is_line_field(name)) reading.mistake(item, no_such_field(name));
    into.fields.push_back(name);
  });
  if (node.is_list() && node.items.empty())
    reading.mistake(node, "at least one field is needed: without `fields` there are all");
}

void read_when(const Node& node, const Reading& reading, AccessLog& into) {
  const std::string* text = scalar_of(node, reading, "an expression");
  if (!text) return;
  const ParsedExpression parsed = parse_expression(*text);
  if (!parsed.value) return reading.mistake(node, parsed.problem);
  into.when = *text;
}

}  // namespace

const Table<AccessLog>& access_log_rows() {
  static const Table<AccessLog> table = {
      {"format", "one word or a template", "json",
       "of its lines; none = no access log; a template names fields, as in \"{method} {path} "
       "{status}\"; see Expressions",
       read_format, write_format},
      {"fields", "a list of fields", "",
       "of a line in JSON: these and in this order; absent = all; see Expressions",
       read_fields},
      {"when", "an expression", "",
       "only requests for which it holds, as in `status >= 500 or ms.total > 1s`; see Expressions",
       read_when},
      percentage("sample", &AccessLog::sample, "100%",
                 "of the requests that ended well; those that failed are all logged"),
  };
  return table;
}

void check_access_log(const Node& node, const Reading& reading, const AccessLog& log) {
  const Node::Entry* fields = node.entry("fields");
  if (fields && (log.format != AccessLogFormat::json))
    reading.mistakes.add(fields->mark,
                         "`fields` are of a line in JSON: with another `format` say "
                         "them in a template, as in \"{method} {status}\"");
}

}  // namespace config
