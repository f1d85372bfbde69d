#include "config/grpc_match.hpp"

#include "proxy/base/ascii.hpp"

#include <algorithm>
#include <string>

namespace config {
namespace {

struct GrpcMatch {
  std::string service;
  std::string method;  // "" = any
};

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return base::is_alpha(c) || base::is_digit(c) || c == '_';
  });
}

// Its package's names before it.
bool is_service(std::string_view text) {
  for (std::size_t dot = text.find('.'); dot != text.npos; dot = text.find('.')) {
    if (!is_name(text.substr(0, dot))) return false;
    text.remove_prefix(dot + 1);
  }
  return is_name(text);
}

const Table<GrpcMatch>& table() {
  static const Table<GrpcMatch> rows = {
      required(text<GrpcMatch>("service", &GrpcMatch::service, "",
                               "its full name, as in shop.v1.Orders")),
      text<GrpcMatch>("method", &GrpcMatch::method, "", "as in Place; absent = any"),
  };
  return rows;
}

void read(const Node& node, const Reading& reading, Match& into) {
  GrpcMatch call;
  read_table(node, reading, table(), call);
  const Node* service = node.find("service");
  const Node* method = node.find("method");
  if (service && !is_service(call.service))
    return reading.mistake(*service,
                           "\"" + call.service + "\" is not a service such as shop.v1.Orders");
  if (method && !is_name(call.method))
    return reading.mistake(*method, "\"" + call.method + "\" is not a method such as Place");
  if (call.service.empty()) return;
  into.path = {'/' + call.service + '/' + (call.method.empty() ? "*" : call.method)};
  into.method = {"POST"};
  into.is_grpc = true;
}

}  // namespace

Field<Match> grpc_match() {
  Field<Match> field{"grpc", "a map", "", "calls of gRPC; excludes path and method", read};
  field.rows = [] { return rows_of(table()); };
  return field;
}

void check_grpc_match(const Node& node, const Reading& reading) {
  for (const std::string_view other : {"path", "path_regex", "method"})
    if (const Node::Entry* entry = node.entry(other))
      reading.mistakes.add(entry->mark, "`grpc` says which path and method it means: leave `" +
                                            std::string(other) + "` out");
}

}  // namespace config
