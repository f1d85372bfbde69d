// From trees to the model: one function for each part of a file. Mistakes go to the reading;
// parsing carries on, so that all of them are found.
#pragma once

#include "config/fields.hpp"
#include "config/filter_spec.hpp"
#include "config/model.hpp"
#include "config/words.hpp"

#include <filesystem>

namespace config {

// The file as a whole, of what was written in all of its files, with every default.
std::vector<Row> root_rows();
NodePtr write_root(const NodePtr& written, const Config& config);
void parse_root(const Node& root, const Reading& reading, Config& into);
// Of an included file: listeners, clusters and x- keys only.
void parse_included(const Node& root, const Reading& reading, Config& into);

Field<Config> app();
Field<Config> trace();

const Table<ClientTls>& client_tls_table();
void read_client_tls(const Node& node, const Reading& reading, ClientTls& into);

// Of access_log, beside `to`.
const Table<AccessLog>& access_log_rows();
void check_access_log(const Node& node, const Reading& reading, const AccessLog& log);

Listener parse_listener(const Node::Entry& entry, const Reading& reading);
NodePtr write_listener(const NodePtr& written, const Listener& listener);
std::vector<Row> listener_rows();

std::vector<Route> parse_routes(const Node& node, const Reading& reading,
                                const std::string& listener);
NodePtr write_routes(const NodePtr& written, const std::vector<Route>& routes);
std::vector<Row> route_rows();
// Of a route: which requests it is for.
Field<Route> match();

// One cluster, or shares that add up to exactly 100 %.
void read_targets(const Node& node, const Reading& reading, std::vector<Share>& shares);

void read_endpoints(const Node& node, const Reading& reading, std::vector<Endpoint>& into);
std::vector<Row> endpoint_rows();

Cluster parse_cluster(const Node::Entry& entry, const Reading& reading);
NodePtr write_cluster(const NodePtr& written, const Cluster& cluster);
std::vector<Row> cluster_rows();

void parse_filters(const Node& node, const Reading& reading, Filters& into);
NodePtr write_filters(const NodePtr& written, const Filters& filters);
void read_address(const Node& node, const Reading& reading, base::Address& into);
void read_path(const Node& node, const Reading& reading, std::string& into);
NamedValues parse_named_values(const Node& node, const Reading& reading);

// A path in force: absolute, unless it was written with a variable; null for "".
NodePtr write_path(const NodePtr& written, const std::string& path);

template <typename Struct>
Field<Struct> path(std::string_view name, std::string Struct::*member, std::string_view doc) {
  Field<Struct> field{name, "a path", "", doc,
                      [=](const Node& node, const Reading& reading, Struct& into) {
                        read_path(node, reading, into.*member);
                        into.places[into.*member] = node.mark;
                      }};
  field.complete = [=](const NodePtr& written, const Struct& value) {
    return write_path(written, value.*member);
  };
  return field;
}

// Shown without what usually is a secret.
template <typename Struct>
Field<Struct> named_values(std::string_view name, std::string_view doc,
                           void (*read)(const Node&, const Reading&, Struct&)) {
  Field<Struct> field{name, "a map", "", doc, read};
  field.complete = [](const NodePtr& written, const Struct&) {
    return without_secret_fields(written);
  };
  return field;
}

template <typename Struct> Field<Struct> filters(std::string_view doc) {
  Field<Struct> field{"filters", "a list of filters", "[]", doc,
                      [](const Node& node, const Reading& reading, Struct& into) {
                        parse_filters(node, reading, into.filters);
                      }};
  field.complete = [](const NodePtr& written, const Struct& value) {
    return write_filters(written, value.filters);
  };
  return field;
}

// What stands below a name of its own: a listener, a cluster. Returns its node, as it was meant.
template <typename Struct>
Node read_named(const Node::Entry& entry, const Reading& reading, const Table<Struct>& table,
                Struct& into) {
  Node node = corrected(*entry.value, reading, table);
  into.name = entry.key;
  into.mark = entry.mark;
  if (std::string problem = name_problem(into.name); !problem.empty())
    reading.mistakes.add(entry.mark, std::move(problem));
  read_table(node, reading, table, into);
  return node;
}

// TLS 1.2 or 1.3, of either side.
template <typename Struct> Field<Struct> min_version() {
  return {"min_version",
          "a version",
          "1.2",
          "1.2 or 1.3",
          [](const Node& node, const Reading& reading, Struct& into) {
            read_word(node, reading, {"1.2", "1.3"},
                      [&](std::size_t index) { into.min_version = index == 0 ? "1.2" : "1.3"; });
          },
          [](const Struct& value) { return scalar(value.min_version); }};
}

}  // namespace config
