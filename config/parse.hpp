// From trees to the model: one function for each part of a file. Mistakes go to the context;
// parsing carries on, so that all of them are found.
#pragma once

#include "config/fields.hpp"
#include "config/filter_spec.hpp"
#include "config/model.hpp"

#include <filesystem>

namespace config {

void parse_root(const Node& root, const Context& context, Config& into);
// Of an included file: listeners, clusters and x- keys only.
void parse_included(const Node& root, const Context& context, Config& into);

Listener parse_listener(const Node::Entry& entry, const Context& context);
std::vector<Route> parse_routes(const Node& node, const Context& context,
                                const std::string& listener);
Cluster parse_cluster(const Node::Entry& entry, const Context& context);
void parse_filters(const Node& node, const Context& context, Filters& into);
void read_address(const Node& node, const Context& context, base::Address& into);
void read_path(const Node& node, const Context& context, std::string& into);
NamedValues parse_named_values(const Node& node, const Context& context);

}  // namespace config
