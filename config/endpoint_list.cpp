#include "config/endpoint_list.hpp"

#include "config/parse.hpp"
#include "config/words.hpp"

namespace config {
namespace {

std::string endpoint_problem(std::string_view text) {
  const std::string shown = '"' + std::string(text) + "\" ";
  if (const std::size_t scheme = text.find("://"); scheme != text.npos)
    return shown +
           "is a URL: an endpoint is host:port, and the one of a single service is written "
           "`url: " +
           std::string(text) + '`';
  if (split_host_port(text)) return shown + "has no port: write " + std::string(text) + ":8080";
  return shown + "is not ip:port, name:port or unix:/path";
}

void read_endpoint_address(const Node& node, const Reading& reading, Endpoint& into) {
  const std::string* text = scalar_of(node, reading, "an address");
  if (!text) return;
  if (text->starts_with("unix:")) {
    base::Address address;
    read_address(node, reading, address);
    into.is_unix = true;
    into.host = address.path();
    return;
  }
  const auto parts = split_host_port(*text);
  if (!parts || !parts->port) return reading.mistake(node, endpoint_problem(*text));
  into.host = parts->host;
  into.port = *parts->port;
}

const Table<Endpoint>& endpoint_table() {
  static const Table<Endpoint> table = {
      required(Field<Endpoint>{"address", "an address", "", "ip:port, name:port or unix:/path",
                               read_endpoint_address}),
      {"weight", "a whole number", "1", "1 to 1000",
       [](const Node& node, const Reading& reading, Endpoint& into) {
         std::uint64_t weight = 1;
         read_integer(node, reading, 1, 1000, weight);
         into.weight = static_cast<std::uint32_t>(weight);
       }},
      text("zone", &Endpoint::zone, "", "where it stands"),
  };
  return table;
}

}  // namespace

void read_endpoints(const Node& node, const Reading& reading, std::vector<Endpoint>& into) {
  if (!node.is_list())
    return reading.mistake(
        node, wrong_kind(node, "a list of endpoints") + (node.is_scalar() && !node.is_secret
                                                             ? ": write [" + in_braces(node) + ']'
                                                             : std::string()));
  for (const NodePtr& item : node.items) {
    Endpoint endpoint;
    if (item->is_map())
      read_table(*item, reading, endpoint_table(), endpoint);
    else
      read_endpoint_address(*item, reading, endpoint);
    into.push_back(std::move(endpoint));
  }
}

std::vector<Row> endpoint_rows() {
  return rows_of(endpoint_table());
}

EndpointList parse_endpoint_list(const std::string& name, std::string text) {
  EndpointList list;
  Mistakes mistakes;
  static const std::vector<const FilterSpec*> none;
  const bool is_empty = text.empty();
  const NodePtr root =
      is_empty ? nullptr
               : parse_yaml(std::make_shared<const Source>(name, std::move(text)), mistakes);
  if (is_empty || (root && root->is_null()))
    mistakes.add({}, name + " is empty: `[]` stands for no endpoint");
  else if (root)
    read_endpoints(*root, Reading{mistakes, none}, list.endpoints);
  if (mistakes.empty() && list.endpoints.size() > most_listed_endpoints)
    mistakes.add(root->mark, "a list has at most " + std::to_string(most_listed_endpoints) +
                                 " endpoints");
  if (mistakes.empty()) return list;
  list.endpoints.clear();
  list.mistakes = mistakes.sorted();
  return list;
}

}  // namespace config
