#include "config/parse.hpp"

#include <map>

namespace config {
namespace {

const FilterSpec* find_spec(std::string_view name, const Reading& reading) {
  for (const FilterSpec* spec : reading.filters)
    if (spec->name == name) return spec;
  return nullptr;
}

std::string unknown_filter(std::string_view name, const Reading& reading) {
  std::vector<std::string_view> known;
  for (const FilterSpec* spec : reading.filters) known.push_back(spec->name);
  return "there is no filter \"" + std::string(name) + "\"" + did_you_mean(name, known);
}

// `- retry`, `- retry:` and `- retry: {}` are the same.
void parse_filter(const Node& item, const Reading& reading, Filters& into) {
  static const Node empty = [] {
    Node node;
    node.kind = Node::Kind::map;
    return node;
  }();
  std::string name;
  Node options = empty;
  options.mark = item.mark;
  if (item.is_scalar()) {
    name = item.text;
  } else if (item.is_map() && item.entries.size() == 1) {
    name = item.entries[0].key;
    options.mark = item.entries[0].mark;
    if (!item.entries[0].value->is_null()) options = *item.entries[0].value;
  } else {
    return reading.mistake(item, "a filter is one name with its options: `- retry: {}`");
  }
  const FilterSpec* spec = find_spec(name, reading);
  if (!spec) return reading.mistake(item, unknown_filter(name, reading));
  if (!spec->is_built)
    return reading.mistake(item, "the filter \"" + name + "\" is not yet in this version");
  into.push_back({name, spec, spec->read(options, reading), item.mark, 0});
}

}  // namespace

void parse_filters(const Node& node, const Reading& reading, Filters& into) {
  if (!node.is_list()) return reading.mistake(node, wrong_kind(node, "a list of filters"));
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
  if (written && written->written != written->text) return written;
  return scalar(std::filesystem::absolute(path).lexically_normal().string());
}

void read_address(const Node& node, const Reading& reading, base::Address& into) {
  const std::string* text = scalar_of(node, reading, "an address");
  if (!text) return;
  const auto address = base::Address::parse(*text);
  if (!address || (address->is_unix() && !address->path().starts_with('/')))
    return reading.mistake(node,
                           "\"" + *text + "\" is not an address: ip:port, [v6]:port or unix:/path");
  into = *address;
}

}  // namespace config
