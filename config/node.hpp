// A YAML document as a tree of ours: text, marks, merge keys resolved, aliases shared, bounded in
// size, depth and expansion. The only user of yaml-cpp.
#pragma once

#include "config/mistakes.hpp"

#include <memory>
#include <string>
#include <vector>

namespace config {

class Node;
using NodePtr = std::shared_ptr<const Node>;

class Node {
 public:
  enum class Kind { null, scalar, list, map };
  struct Entry {
    std::string key;
    Mark mark;
    NodePtr value;
  };

  bool is_null() const { return kind == Kind::null; }
  bool is_scalar() const { return kind == Kind::scalar; }
  bool is_list() const { return kind == Kind::list; }
  bool is_map() const { return kind == Kind::map; }
  const Node* find(std::string_view key) const;
  const Entry* entry(std::string_view key) const;
  NodePtr child(std::string_view key) const;  // null = there is none
  // Of a scalar: its text is not what stands in the file, and not for everybody to see.
  bool has_variables() const { return text != written; }

  Kind kind = Kind::null;
  Mark mark;
  std::string text;        // of a scalar, variables replaced
  std::string written;     // as it stands in the file
  bool is_secret = false;  // came from a file by ${file:}
  bool is_failed = false;  // a variable could not be replaced: nothing further is said of it
  std::vector<NodePtr> items;
  std::vector<Entry> entries;
  std::size_t weight = 1;  // nodes below and with it, shared ones as often as they stand there
  std::size_t depth = 1;
};

// Null if the text cannot be read at all; mistakes say why. Other mistakes leave the rest readable.
NodePtr parse_yaml(std::shared_ptr<const Source> source, Mistakes& mistakes);

// The tree as one text that does not depend on how it is written: keys in order, values in force.
std::string canonical(const Node& node);

// "a map", "a list", "text", "nothing".
std::string_view kind_name(const Node& node);

}  // namespace config
