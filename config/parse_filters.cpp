#include "config/parse.hpp"
#include "config/words.hpp"

#include <algorithm>
#include <map>

namespace config {
namespace {

const FilterSpec* find_spec(std::string_view name, const Reading& reading) {
  for (const FilterSpec* spec : reading.filters)
    if (spec->name == name) return spec;
  return nullptr;
}

// What a filter goes by, however it is written: the values it holds, and as written what its table
// cannot write.
NodePtr with_unshown(const NodePtr& held, const Node& written) {
  std::vector<Node::Entry> entries = held->entries;
  for (const Node::Entry& each : written.entries) {
    const auto is_it = [&each](const Node::Entry& other) { return other.key == each.key; };
    const auto found = std::find_if(entries.begin(), entries.end(), is_it);
    if (found == entries.end())
      entries.push_back(each);
    else if (found->value->is_map() && each.value->is_map())
      found->value = with_unshown(found->value, *each.value);
  }
  return map(std::move(entries));
}

// Of a filter with several keys: is the second another filter, or an option of the first?
void tell_keys_apart(const Node& item, const Reading& reading) {
  if (item.entries.empty())
    return reading.mistake(item, "a filter is one name with its options: `- retry: {}`");
  const Node::Entry& first = item.entries[0];
  const Node::Entry& second = item.entries[1];
  const auto is_filter = [&](const FilterSpec* spec) { return spec->name == second.key; };
  const bool is_another = std::any_of(reading.filters.begin(), reading.filters.end(), is_filter);
  reading.mistakes.add(second.mark,
                       is_another
                           ? "each filter has a dash of its own: write `- " + second.key + "` here"
                           : "the options of a filter stand within it: indent `" + second.key +
                                 "` further than `" + first.key + "`, or write `- " + first.key +
                                 ": { " + second.key + ": ... }`");
}

// `- retry`, `- retry:` and `- retry: {}` are the same.
void parse_filter(const Node& item, const Reading& reading, Filters& into) {
  static const NodePtr empty = map({});
  std::string name = item.text;
  Mark mark = item.mark;
  NodePtr options = empty;
  if (item.is_map() && item.entries.size() == 1) {
    name = item.entries[0].key;
    mark = item.entries[0].mark;
    if (!item.entries[0].value->is_null()) options = item.entries[0].value;
  } else if (item.is_map()) {
    return tell_keys_apart(item, reading);
  } else if (!item.is_scalar()) {
    return reading.mistake(item, wrong_kind(item, "a filter such as `retry` or `retry: {}`"));
  }
  const FilterSpec* spec = find_spec(name, reading);
  if (!spec) return reading.mistake(item, unknown_filter(name, reading));
  if (!spec->is_built)
    return reading.mistake(item, "the filter \"" + name + "\" is not yet in this version");
  if (options == empty) {
    auto placed = std::make_shared<Node>(*empty);
    placed->mark = mark;  // of what is missing in it
    options = std::move(placed);
  }
  std::shared_ptr<const void> read = spec->read(*options, reading);
  const NodePtr in_force = with_unshown(spec->write(nullptr, read.get()), *options);
  into.push_back({name, spec, std::move(read), item.mark, 0, canonical(*in_force)});
}

std::string list_expected(const Node& node) {
  const std::string message = wrong_kind(node, "a list of filters");
  if (node.is_scalar() && !node.is_secret) return message + ": write [" + in_braces(node) + ']';
  if (!node.is_map() || node.entries.empty()) return message;
  return message + ": write a dash before each, as in `- " + node.entries[0].key + ": ...`";
}

}  // namespace

void parse_filters(const Node& node, const Reading& reading, Filters& into) {
  if (!node.is_list()) return reading.mistake(node, list_expected(node));
  into.clear();
  for (const NodePtr& item : node.items) parse_filter(*item, reading, into);
  std::map<std::string, int> seen;
  for (FilterConfig& filter : into) filter.ordinal = seen[filter.name]++;
}

NodePtr write_filters(const NodePtr& written, const Filters& filters) {
  std::vector<NodePtr> items;
  for (const FilterConfig& filter : filters) {
    const NodePtr item = written ? written->items[items.size()] : nullptr;
    NodePtr options = filter.spec->write(child_of(item, filter.name), filter.options.get());
    items.push_back(map({{filter.name, {}, std::move(options)}}));
  }
  return list(std::move(items));
}

NamedValues parse_named_values(const Node& node, const Reading& reading) {
  NamedValues values;
  if (!node.is_map()) {
    reading.mistake(node, wrong_kind(node, "a map of names and values"));
    return values;
  }
  for (const Node::Entry& entry : node.entries)
    if (const std::string* text = scalar_of(*entry.value, reading, "text"))
      values.emplace_back(entry.key, *text);
  return values;
}

// Paths are relative to the file that names them.
void read_path(const Node& node, const Reading& reading, std::string& into) {
  const std::string* text = scalar_of(node, reading, "a path");
  if (!text) return;
  if (text->empty()) return reading.mistake(node, "a path is missing");
  const std::filesystem::path path(*text);
  into = path.is_absolute() || !node.mark.source
             ? *text
             : (std::filesystem::path(node.mark.source->name).parent_path() / path).string();
}

NodePtr write_path(const NodePtr& written, const std::string& path) {
  if (path.empty()) return nullptr;
  if (written && written->has_variables()) return written;
  return scalar(std::filesystem::absolute(path).lexically_normal().string());
}

void read_address(const Node& node, const Reading& reading, base::Address& into) {
  const std::string* text = scalar_of(node, reading, "an address");
  if (!text) return;
  if (Problem problem = address_problem(*text); !problem.empty())
    return reading.mistake(node, std::move(problem));
  into = *base::Address::parse(*text);
}

}  // namespace config
