// Trees made by the program, and any tree as YAML that the program reads again.
#pragma once

#include "config/node.hpp"

#include <string>
#include <vector>

namespace config {

NodePtr scalar(std::string text);
NodePtr list(std::vector<NodePtr> items);
NodePtr list_of(const std::vector<std::string>& texts);
NodePtr map(std::vector<Node::Entry> entries);

// A copy in which the values of fields that usually carry secrets (authorization, cookies, tokens
// ...) are marked as such. Null stays null.
NodePtr without_secret_fields(const NodePtr& named_values);

// Values as written, so that variables stay variables; secrets are "(redacted)".
std::string print_yaml(const Node& node);

}  // namespace config
