#include "config/node.hpp"

#include "config/yaml_fault.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <unordered_map>

namespace config {
namespace {

struct Refused {
  Mark mark;
  std::string message;
};

// Builds our tree from yaml-cpp's events, so that its own one, which has no bounds, is never made.
class Builder final : public YAML::EventHandler {
 public:
  Builder(std::shared_ptr<const Source> source, Mistakes& mistakes)
      : source_(std::move(source)), mistakes_(mistakes) {}

  NodePtr take_root() { return root_; }
  // The last quoted text: the parser takes one that is never closed, up to the file's end.
  const Mark& last_quoted() const { return last_quoted_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(make(Node::Kind::null, mark), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw Refused{mark_at(mark), "an alias inside of what it names"};
    count(found->second->weight, mark_at(mark));
    place(found->second, mark_at(mark));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_tag(mark, tag);
    if (tag == "!") last_quoted_ = mark_at(mark);
    auto node = make(Node::Kind::scalar, mark);
    node->text = node->written = value;
    add(std::move(node), anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::Kind::list, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::Kind::map, mark, tag, anchor);
  }
  void OnMapEnd() override {
    merge(open_.back());
    close();
  }

 private:
  struct Open {
    std::shared_ptr<Node> node;
    YAML::anchor_t anchor;
    bool has_key = false;
    std::string key;
    Mark key_mark;
    NodePtr merged;
    std::unordered_map<std::string, int> lines;  // of the keys
  };

  Mark mark_at(const YAML::Mark& mark) const { return {source_, mark.line + 1, mark.column + 1}; }

  std::shared_ptr<Node> make(Node::Kind kind, const YAML::Mark& mark) const {
    auto node = std::make_shared<Node>();
    node->kind = kind;
    node->mark = mark_at(mark);
    return node;
  }

  void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    const bool is_explicit = tag != "?" && tag != "!";  // those two: plain, quoted
    if (!tag.empty() && (is_explicit || mark_at(mark).begins_with('!')))
      mistakes_.add(mark_at(mark),
                    "tags are not used here; text that begins with `!` needs quotes");
  }

  void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag,
            YAML::anchor_t anchor) {
    refuse_tag(mark, tag);
    if (open_.size() >= most_depth)
      throw Refused{mark_at(mark), "nested deeper than " + std::to_string(most_depth) + " levels"};
    open_.push_back({make(kind, mark), anchor, false, {}, {}, nullptr, {}});
  }

  // While it grows, not when all of it is in memory.
  void count(std::size_t values, const Mark& mark) {
    count_ += values;
    if (count_ > most_nodes)
      throw Refused{mark, "more than " + std::to_string(most_nodes) + " values"};
  }

  void close() {
    std::shared_ptr<Node> node = open_.back().node;
    const YAML::anchor_t anchor = open_.back().anchor;
    open_.pop_back();
    const auto weigh = [&](const NodePtr& child) {
      node->weight += child->weight;
      node->depth = std::max(node->depth, child->depth + 1);
    };
    for (const NodePtr& item : node->items) weigh(item);
    for (const Node::Entry& entry : node->entries) weigh(entry.value);
    if (node->depth > most_depth)
      throw Refused{node->mark, "nested deeper than " + std::to_string(most_depth) + " levels"};
    add(std::move(node), anchor);
  }

  void add(std::shared_ptr<Node> node, YAML::anchor_t anchor) {
    const Mark mark = node->mark;
    if (anchor) anchors_[anchor] = node;
    const bool is_key = !open_.empty() && open_.back().node->is_map() && !open_.back().has_key;
    if (!is_key) count(1, mark);
    place(std::move(node), mark);
  }

  void place(NodePtr node, const Mark& mark) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node->is_list()) {
      parent.node->items.push_back(std::move(node));
    } else if (!parent.has_key) {
      if (!node->is_scalar()) throw Refused{mark, "a key must be text"};
      parent.has_key = true;
      parent.key = node->text;
      parent.key_mark = mark;
    } else {
      parent.has_key = false;
      add_entry(parent, std::move(node));
    }
  }

  void add_entry(Open& parent, NodePtr value) {
    if (parent.key == "<<") {
      if (parent.merged) mistakes_.add(parent.key_mark, "\"<<\" stands twice in this map");
      parent.merged = std::move(value);
      return;
    }
    const auto [first, is_new] = parent.lines.emplace(parent.key, parent.key_mark.line);
    if (!is_new)
      return mistakes_.add(parent.key_mark, "\"" + parent.key +
                                                "\" stands here twice; the first is in line " +
                                                std::to_string(first->second));
    parent.node->entries.push_back({parent.key, parent.key_mark, std::move(value)});
  }

  // Own keys win, then those of the earlier map.
  void merge(Open& into) {
    if (!into.merged) return;
    const std::vector<NodePtr> maps =
        into.merged->is_list() ? into.merged->items : std::vector<NodePtr>{into.merged};
    for (const NodePtr& map : maps) {
      if (!map->is_map()) {
        mistakes_.add(map->mark, "\"<<\" takes a map or a list of maps");
        continue;
      }
      for (const Node::Entry& entry : map->entries)
        if (into.lines.emplace(entry.key, entry.mark.line).second)
          into.node->entries.push_back(entry);
    }
  }

  std::shared_ptr<const Source> source_;
  Mistakes& mistakes_;
  std::vector<Open> open_;
  std::unordered_map<YAML::anchor_t, NodePtr> anchors_;
  NodePtr root_;
  Mark last_quoted_;
  std::size_t count_ = 0;  // of values, shared ones as often as they stand there
};

// Whether the quoted text that begins at the mark, maybe after an anchor, ends.
bool is_closed(const Mark& mark) {
  if (!mark.source) return true;
  const std::string_view text = mark.source->from(mark);
  const std::size_t open = text.find_first_of("\"'");
  if (open == text.npos) return true;
  const char quote = text[open];
  for (std::size_t i = open + 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\')
      ++i;
    else if (text[i] == quote && (quote == '"' || text.substr(i + 1, 1) != "'"))
      return true;
    else if (text[i] == quote)
      ++i;
  }
  return false;
}

// The line `---` behind the first that says something.
Mark second_document(const std::shared_ptr<const Source>& source) {
  bool has_begun = false;
  const auto lines = std::count(source->text.begin(), source->text.end(), '\n') + 1;
  for (int number = 1; number <= lines; ++number) {
    const std::string_view line = source->line(number);
    const bool is_marker = line.starts_with("---") || line.starts_with("...");
    if (is_marker && has_begun) return {source, number, 1};
    has_begun = has_begun || (!line.empty() && line[0] != '#' && line[0] != '%' && !is_marker);
  }
  return {source, 0, 0};
}

}  // namespace

const Node::Entry* Node::entry(std::string_view key) const {
  for (const Entry& entry : entries)
    if (entry.key == key) return &entry;
  return nullptr;
}

const Node* Node::find(std::string_view key) const {
  const Entry* found = entry(key);
  return found ? found->value.get() : nullptr;
}

NodePtr Node::child(std::string_view key) const {
  const Entry* found = entry(key);
  return found ? found->value : nullptr;
}

std::string_view kind_name(const Node& node) {
  switch (node.kind) {
    case Node::Kind::map:
      return "a map";
    case Node::Kind::list:
      return "a list";
    case Node::Kind::scalar:
      return "text";
    default:
      return "nothing";
  }
}

NodePtr parse_yaml(std::shared_ptr<const Source> source, Mistakes& mistakes) {
  const Mark whole{source, 0, 0};
  if (Unreadable found = unreadable(source); !found.message.empty()) {
    mistakes.add(found.mark, std::move(found.message));
    return nullptr;
  }
  Builder builder(source, mistakes);
  try {
    std::istringstream text(source->text);
    YAML::Parser parser(text);
    if (!parser.HandleNextDocument(builder)) {
      mistakes.add(whole, "the file is empty");
      return nullptr;
    }
    Builder second(source, mistakes);
    if (parser.HandleNextDocument(second)) {
      mistakes.add(second_document(source),
                   "a second document begins here, and one file holds one: "
                   "take this line away");
      return nullptr;
    }
  } catch (const Refused& refused) {
    mistakes.add(refused.mark, refused.message);
    return nullptr;
  } catch (const YAML::Exception& error) {
    const Mark mark{source, error.mark.line + 1, error.mark.column + 1};
    Mistake fault = yaml_fault(mark, error.msg);
    mistakes.add(fault.mark, std::move(fault.message));
    return nullptr;
  } catch (const std::exception& error) {
    mistakes.add(whole, std::string("this is not YAML: ") + error.what());
    return nullptr;
  }
  if (const Mark& open = builder.last_quoted(); !is_closed(open)) {
    Mistake fault = yaml_fault(open, "this quotation mark is never closed");
    mistakes.add(fault.mark, std::move(fault.message));
    return nullptr;
  }
  return builder.take_root();
}

// Lengths before texts, so that no text can look like a bracket.
std::string canonical(const Node& node) {
  const auto counted = [](const std::string& text) {
    return std::to_string(text.size()) + ':' + text;
  };
  if (node.is_scalar()) return counted(node.text);
  std::string out(1, node.is_map() ? '{' : '[');
  for (const NodePtr& item : node.items) out += canonical(*item);
  std::map<std::string, const Node*> sorted;
  for (const Node::Entry& entry : node.entries) sorted[entry.key] = entry.value.get();
  for (const auto& [key, value] : sorted) out += counted(key) + canonical(*value);
  return out + (node.is_map() ? '}' : ']');
}

}  // namespace config
