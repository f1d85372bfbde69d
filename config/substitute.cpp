#include "config/substitute.hpp"

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

namespace config {
namespace {

constexpr std::size_t most_of_file = 64 * 1024;

class Substitution {
 public:
  explicit Substitution(Mistakes& mistakes) : mistakes_(mistakes) {}

  NodePtr apply(const NodePtr& node) {
    if (const auto done = done_.find(node.get()); done != done_.end()) return done->second;
    auto copy = std::make_shared<Node>(*node);
    if (node->is_scalar() && node->text.find("${") != node->text.npos) replace(*copy);
    for (NodePtr& item : copy->items) item = apply(item);
    for (Node::Entry& entry : copy->entries) entry.value = apply(entry.value);
    return done_[node.get()] = copy;
  }

 private:
  void replace(Node& node) {
    std::string out;
    std::string_view rest = node.text;
    for (;;) {
      const std::size_t at = rest.find("${");
      if (at == rest.npos) break;
      if (at > 0 && rest[at - 1] == '$') {
        out.append(rest.substr(0, at - 1)).append("${");
        rest.remove_prefix(at + 2);
        continue;
      }
      const std::size_t end = rest.find('}', at);
      if (end == rest.npos) {
        mistakes_.add(node.mark, "\"${\" without \"}\"; a literal \"${\" is written \"$${\"");
        return;
      }
      out.append(rest.substr(0, at));
      out += value_of(node, rest.substr(at + 2, end - at - 2));
      rest.remove_prefix(end + 1);
    }
    node.text = out.append(rest);
  }

  std::string value_of(Node& node, std::string_view expression) {
    if (expression.starts_with("file:")) return contents(node, expression.substr(5));
    const std::size_t colon = expression.find(':');
    const std::string name(expression.substr(0, colon));
    const char* value = std::getenv(name.c_str());
    const std::string_view rest = colon == expression.npos ? "" : expression.substr(colon + 1);
    if (value && (*value || rest.empty())) return value;
    if (rest.starts_with('-')) return std::string(rest.substr(1));
    const std::string why = rest.starts_with('?') ? std::string(rest.substr(1)) : "it is not set";
    mistakes_.add(node.mark, "variable " + name + ": " + why +
                                 "; a default is written ${" + name + ":-default}");
    return {};
  }

  std::string contents(Node& node, std::string_view path) {
    node.is_secret = true;
    std::ifstream file{std::string(path)};
    std::ostringstream text;
    text << file.rdbuf();
    std::string value = text.str();
    if (!file)
      mistakes_.add(node.mark, "file " + std::string(path) + " cannot be read");
    else if (value.size() > most_of_file)
      mistakes_.add(node.mark, "file " + std::string(path) + " is larger than 64 KiB");
    if (value.ends_with('\n')) value.pop_back();
    return value;
  }

  Mistakes& mistakes_;
  std::map<const Node*, NodePtr> done_;
};

}  // namespace

NodePtr substitute(const NodePtr& root, Mistakes& mistakes) {
  return Substitution(mistakes).apply(root);
}

}  // namespace config
