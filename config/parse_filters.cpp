#include "config/parse.hpp"

#include <map>

namespace config {
namespace {

const FilterSpec* find_spec(std::string_view name, const Context& context) {
  for (const FilterSpec* spec : context.filters)
    if (spec->name == name) return spec;
  return nullptr;
}

std::string unknown_filter(std::string_view name, const Context& context) {
  std::vector<std::string_view> known;
  for (const FilterSpec* spec : context.filters) known.push_back(spec->name);
  return "there is no filter \"" + std::string(name) + "\"" + did_you_mean(name, known);
}

// `- retry`, `- retry:` and `- retry: {}` are the same.
void parse_filter(const Node& item, const Context& context, Filters& into) {
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
    return context.mistake(item, "a filter is one name with its options: `- retry: {}`");
  }
  const FilterSpec* spec = find_spec(name, context);
  if (!spec) return context.mistake(item, unknown_filter(name, context));
  if (!spec->is_built)
    return context.mistake(item, "the filter \"" + name + "\" is not yet in this version");
  into.push_back({name, spec, spec->read(options, context), item.mark, 0});
}

}  // namespace

void parse_filters(const Node& node, const Context& context, Filters& into) {
  if (!node.is_list()) return context.mistake(node, wrong_kind(node, "a list of filters"));
  into.clear();
  for (const NodePtr& item : node.items) parse_filter(*item, context, into);
  std::map<std::string, int> seen;
  for (FilterConfig& filter : into) filter.ordinal = seen[filter.name]++;
}

NamedValues parse_named_values(const Node& node, const Context& context) {
  NamedValues values;
  if (!node.is_map()) {
    context.mistake(node, wrong_kind(node, "a map of names and values"));
    return values;
  }
  for (const Node::Entry& entry : node.entries)
    if (const std::string* text = scalar_of(*entry.value, context, "text"))
      values.emplace_back(entry.key, *text);
  return values;
}

// Paths are relative to the file that names them.
void read_path(const Node& node, const Context& context, std::string& into) {
  const std::string* text = scalar_of(node, context, "a path");
  if (!text) return;
  if (text->empty()) return context.mistake(node, "a path is missing");
  const std::filesystem::path path(*text);
  into = path.is_absolute() || !node.mark.source
             ? *text
             : (std::filesystem::path(node.mark.source->name).parent_path() / path).string();
}

void read_address(const Node& node, const Context& context, base::Address& into) {
  const std::string* text = scalar_of(node, context, "an address");
  if (!text) return;
  const auto address = base::Address::parse(*text);
  if (!address || (address->is_unix() && !address->path().starts_with('/')))
    return context.mistake(node,
                           "\"" + *text + "\" is not an address: ip:port, [v6]:port or unix:/path");
  into = *address;
}

}  // namespace config
