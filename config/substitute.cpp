#include "config/substitute.hpp"

#include "proxy/base/ascii.hpp"
#include "proxy/base/utf8.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <unordered_map>

namespace config {
namespace {

constexpr std::size_t most_of_file = 64 * 1024;

bool is_variable(std::string_view name) {
  return !name.empty() && !base::is_digit(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return base::is_alpha(c) || base::is_digit(c) || c == '_'; });
}

class Substitution {
 public:
  explicit Substitution(Mistakes& mistakes) : mistakes_(mistakes) {}

  // The node itself where there is nothing to replace.
  NodePtr apply(const NodePtr& node) {
    const bool is_plain = node->is_scalar() && node->text.find("${") == node->text.npos;
    if (is_plain || node->is_null()) return node;
    if (const auto done = done_.find(node.get()); done != done_.end()) return done->second;
    return done_[node.get()] = node->is_scalar() ? replaced(*node) : with_replaced(node);
  }

 private:
  NodePtr replaced(const Node& scalar) {
    auto copy = std::make_shared<Node>(scalar);
    replace(*copy);
    return copy;
  }

  NodePtr with_replaced(const NodePtr& node) {
    std::shared_ptr<Node> copy;
    const auto changed = [&]() -> Node& {
      if (!copy) copy = std::make_shared<Node>(*node);
      return *copy;
    };
    for (std::size_t i = 0; i < node->items.size(); ++i)
      if (NodePtr item = apply(node->items[i]); item != node->items[i])
        changed().items[i] = std::move(item);
    for (std::size_t i = 0; i < node->entries.size(); ++i)
      if (NodePtr value = apply(node->entries[i].value); value != node->entries[i].value)
        changed().entries[i].value = std::move(value);
    return copy ? copy : node;
  }

  void replace(Node& node) {
    std::string out;
    std::string_view rest = node.text;
    for (std::size_t at = rest.find("${"); at != rest.npos; at = rest.find("${")) {
      if (at > 0 && rest[at - 1] == '$') {
        out.append(rest.substr(0, at - 1)).append("${");
        rest.remove_prefix(at + 2);
        continue;
      }
      const std::size_t end = rest.find('}', at);
      if (end == rest.npos)
        return void(fail(node, "\"${\" without \"}\"; a literal \"${\" is written \"$${\""));
      out.append(rest.substr(0, at));
      const std::string value = value_of(node, rest.substr(at + 2, end - at - 2));
      total_ += value.size();
      if (total_ > most_bytes)
        return void(fail(node, "the values of variables are more than 4 MiB"));
      out += value;
      rest.remove_prefix(end + 1);
    }
    node.text = out.append(rest);
  }

  std::string fail(Node& node, std::string message) {
    node.is_failed = true;
    mistakes_.add(node.mark, std::move(message));
    return {};
  }

  std::string value_of(Node& node, std::string_view expression) {
    if (expression.starts_with("file:")) return contents(node, expression.substr(5));
    const std::size_t colon = expression.find(':');
    const std::string name(expression.substr(0, colon));
    const std::string_view rest = colon == expression.npos ? "" : expression.substr(colon + 1);
    const bool is_known_form = rest.starts_with('-') || rest.starts_with('?');
    if (!is_variable(name) || (colon != expression.npos && !is_known_form))
      return fail(node, "\"${" + std::string(expression) +
                            "}\" is none of ${VAR}, ${VAR:-default}, ${VAR:?message}, "
                            "${file:PATH}; a literal \"${\" is written \"$${\"");
    const char* value = std::getenv(name.c_str());
    if (value && !base::is_utf8(value)) return fail(node, "variable " + name + " is not UTF-8");
    if (value && (*value || rest.empty())) {
      mistakes_.hide(node.mark, value, "${" + name + '}');
      return value;
    }
    if (rest.starts_with('-')) return std::string(rest.substr(1));
    if (rest.size() > 1) return fail(node, "variable " + name + ": " + std::string(rest.substr(1)));
    return fail(node,
                "variable " + name + " is not set; a default is written ${" + name + ":-default}");
  }

  // Paths are relative to the file that names them.
  std::string contents(Node& node, std::string_view path) {
    node.is_secret = true;
    const std::filesystem::path from = node.mark.source ? node.mark.source->name : "";
    const std::string name = (from.parent_path() / path).string();
    FileText file = read_file(name, most_of_file);
    if (!file.problem.empty()) return fail(node, "cannot read " + name + ": " + file.problem);
    if (file.text.size() > most_of_file) return fail(node, name + " is larger than 64 KiB");
    if (!base::is_utf8(file.text)) return fail(node, name + " is not UTF-8");
    if (file.text.ends_with('\n')) file.text.pop_back();
    mistakes_.hide(file.text);
    return std::move(file.text);
  }

  Mistakes& mistakes_;
  std::unordered_map<const Node*, NodePtr> done_;
  std::size_t total_ = 0;  // bytes put in the place of variables
};

}  // namespace

NodePtr substitute(const NodePtr& root, Mistakes& mistakes) {
  return Substitution(mistakes).apply(root);
}

}  // namespace config
