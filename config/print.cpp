#include "config/print.hpp"

#include "config/words.hpp"
#include "proxy/base/ascii.hpp"

#include <algorithm>

namespace config {
namespace {

constexpr std::string_view redacted = "(redacted)";

// Whether the text is itself without quotation marks, in a block and within brackets.
bool is_plain(std::string_view text) {
  const auto is_harmless = [](char c) {
    return base::is_alpha(c) || base::is_digit(c) ||
           std::string_view("-_./:%+").find(c) != std::string_view::npos;
  };
  if (text.empty() || text.back() == ':' || text == "null" || text == "Null" || text == "NULL")
    return false;
  const bool begins_well = base::is_alpha(text[0]) || base::is_digit(text[0]) || text[0] == '/';
  return begins_well && std::all_of(text.begin(), text.end(), is_harmless);
}

void print_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    constexpr char digits[] = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      out.append({'\\', c});
    else if (c == '\n')
      out += "\\n";
    else if (byte < ' ' || byte == 0x7f)
      out.append({'\\', 'x', digits[byte >> 4], digits[byte & 15]});
    else
      out += c;
  }
  out += '"';
}

void print_text(std::string& out, std::string_view text) {
  if (is_plain(text))
    out += text;
  else
    print_quoted(out, text);
}

void print_scalar(std::string& out, const Node& node) {
  print_text(out, node.is_secret ? redacted : std::string_view(node.written));
}

// As in `[GET, POST]`; a colon could be taken for a key's.
bool fits_brackets(const Node& list) {
  return std::all_of(list.items.begin(), list.items.end(), [](const NodePtr& item) {
    return item->is_scalar() && item->written.find(':') == std::string::npos;
  });
}

bool is_block(const Node& node) {
  return node.is_map() ? !node.entries.empty() : node.is_list() && !fits_brackets(node);
}

void print_block(std::string& out, const Node& node, std::size_t indent);

// What stands behind `key:` or, in a list, behind `-`.
void print_value(std::string& out, const Node& node) {
  if (node.is_scalar()) return print_scalar(out, node);
  if (!node.is_list()) return void(out += "{}");
  out += '[';
  for (const NodePtr& item : node.items) {
    if (item != node.items.front()) out += ", ";
    print_scalar(out, *item);
  }
  out += ']';
}

void print_items(std::string& out, const Node& node, std::size_t indent) {
  for (const NodePtr& item : node.items) {
    out.append(indent, ' ').append("- ");
    const std::size_t begin = out.size();
    if (is_block(*item)) {
      print_block(out, *item, indent + 2);
      out.erase(begin, indent + 2);  // its first line stands behind the dash
    } else {
      print_value(out, *item);
      out += '\n';
    }
  }
}

void print_block(std::string& out, const Node& node, std::size_t indent) {
  if (node.is_list()) return print_items(out, node, indent);
  for (const Node::Entry& entry : node.entries) {
    out.append(indent, ' ');
    print_text(out, entry.key);
    if (is_block(*entry.value)) {
      out += ":\n";
      print_block(out, *entry.value, indent + 2);
    } else {
      out += ": ";
      print_value(out, *entry.value);
      out += '\n';
    }
  }
}

NodePtr secret(const NodePtr& value) {
  auto copy = std::make_shared<Node>(*value);
  copy->is_secret = copy->is_scalar();
  for (NodePtr& item : copy->items) item = secret(item);
  return copy;
}

}  // namespace

NodePtr scalar(std::string text) {
  auto node = std::make_shared<Node>();
  node->kind = Node::Kind::scalar;
  node->text = node->written = std::move(text);
  return node;
}

NodePtr list(std::vector<NodePtr> items) {
  auto node = std::make_shared<Node>();
  node->kind = Node::Kind::list;
  node->items = std::move(items);
  return node;
}

NodePtr list_of(const std::vector<std::string>& texts) {
  std::vector<NodePtr> items;
  for (const std::string& text : texts) items.push_back(scalar(text));
  return list(std::move(items));
}

NodePtr map(std::vector<Node::Entry> entries) {
  auto node = std::make_shared<Node>();
  node->kind = Node::Kind::map;
  node->entries = std::move(entries);
  return node;
}

NodePtr without_secret_fields(const NodePtr& named_values) {
  if (!named_values) return nullptr;
  auto copy = std::make_shared<Node>(*named_values);
  for (Node::Entry& entry : copy->entries)
    if (is_secret_field(entry.key)) entry.value = secret(entry.value);
  return copy;
}

std::string print_yaml(const Node& node) {
  std::string out;
  if (is_block(node)) {
    print_block(out, node, 0);
  } else {
    print_value(out, node);
    out += '\n';
  }
  return out;
}

}  // namespace config
