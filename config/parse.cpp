#include "config/parse.hpp"

#include <algorithm>
#include <unistd.h>

namespace config {
namespace {

// `stdout`, `stderr` or a path.
void read_destination(const Node& node, const Context& context, std::string& into) {
  const std::string* text = scalar_of(node, context, "stdout, stderr or a path");
  if (!text) return;
  if (*text == "stdout" || *text == "stderr")
    into = *text;
  else
    read_path(node, context, into);
}

const Table<NodeInfo>& node_table() {
  static const Table<NodeInfo> table = {
      text("service", &NodeInfo::service, "outrider", "the service's name"),
      text("id", &NodeInfo::id, "the host name", "this instance"),
      only<NodeInfo>("zone", "local", "where it runs"),
  };
  return table;
}

const Table<LogSettings>& log_table() {
  static const Table<LogSettings> table = {
      {"to", "stderr, stdout or a path", "stderr", "where the process's own log goes",
       [](const Node& node, const Context& context, LogSettings& into) {
         read_destination(node, context, into.to);
       }},
      word("level", &LogSettings::level, {"debug", "info", "warning", "error"}, "info",
           "the least"),
      word("format", &LogSettings::is_json, {"text", "json"}, "text", "text or json"),
  };
  return table;
}

const Table<Limits>& limits_table() {
  constexpr std::uint64_t million = 1'000'000;
  static const Table<Limits> table = {
      integer("connections", &Limits::connections, 1, million, "10000", "downstream"),
      integer("source_connections", &Limits::source_connections, 1, million, "1024",
              "from one source address"),
      size("header_bytes", &Limits::header_bytes, "32KiB", "one request's headers", Zero::refused),
      integer("header_count", &Limits::header_count, 1, 10'000, "100", "one request's fields"),
      size("target_bytes", &Limits::target_bytes, "8KiB", "request target", Zero::refused),
      size("trailer_bytes", &Limits::trailer_bytes, "32KiB", "trailers", Zero::refused),
      size("response_header_bytes", &Limits::response_header_bytes, "64KiB",
           "one response's headers", Zero::refused),
      integer("response_header_count", &Limits::response_header_count, 1, 10'000, "200",
              "one response's fields"),
      size("memory", &Limits::memory, "256MiB", "buffers of the process", Zero::refused),
  };
  return table;
}

const Table<Drain>& drain_table() {
  static const Table<Drain> table = {
      duration("delay", &Drain::delay, "0s", "not ready, but serving"),
      duration("timeout", &Drain::timeout, "30s", "then the rest is cut"),
  };
  return table;
}

const Table<AccessLog>& access_log_table() {
  static const Table<AccessLog> table = {
      {"to", "stdout, stderr or a path", "stdout", "where it goes",
       [](const Node& node, const Context& context, AccessLog& into) {
         read_destination(node, context, into.to);
       }},
      word("format", &AccessLog::format, {"json", "text", "none"}, "json", "json, text or none"),
  };
  return table;
}

const Table<Admin>& admin_table() {
  static const Table<Admin> table = {
      required(Field<Admin>{"bind", "an address", "", "loopback or a unix socket",
                            [](const Node& node, const Context& context, Admin& into) {
                              read_address(node, context, into.bind);
                              if (into.bind.is_ip() && !into.bind.is_loopback())
                                context.mistake(node,
                                                "elsewhere than on loopback or a unix socket "
                                                "admin needs `token`, which is not yet in "
                                                "this version");
                            }}),
      later<Admin>("probes", "probes on another address"),
      later<Admin>("token", "a bearer token"),
  };
  return table;
}

void read_listeners(const Node& node, const Context& context, Config& into) {
  if (!node.is_map()) return context.mistake(node, wrong_kind(node, "a map of listeners"));
  for (const Node::Entry& entry : node.entries)
    into.listeners.push_back(parse_listener(entry, context));
}

void read_clusters(const Node& node, const Context& context, Config& into) {
  if (!node.is_map()) return context.mistake(node, wrong_kind(node, "a map of clusters"));
  for (const Node::Entry& entry : node.entries)
    into.clusters.push_back(parse_cluster(entry, context));
}

Field<Config> ignored(std::string_view name) {
  return {name, "", "", "", [](const Node&, const Context&, Config&) {}};
}

const Table<Config>& included_table() {
  static const Table<Config> table = {
      ignored("include"),
      {"listeners", "a map", "", "where requests come in", read_listeners},
      {"clusters", "a map", "", "where they go", read_clusters},
  };
  return table;
}

const Table<Config>& root_table() {
  static const Table<Config> table = {
      required(Field<Config>{"version", "1", "", "the generation of this language: `version: 1`",
                             [](const Node& node, const Context& context, Config&) {
                               if (!node.is_scalar() || node.text != "1")
                                 context.mistake(node, "this version understands `version: 1`");
                             }}),
      ignored("include"),
      {"workers", "a number or auto", "auto", "event loops",
       [](const Node& node, const Context& context, Config& into) {
         if (node.is_scalar() && node.text == "auto") return;
         read_integer(node, context, 1, 256, into.workers);
       }},
      nested("node", &Config::node, node_table(), "who this is"),
      nested("log", &Config::log, log_table(), "the process's own log"),
      nested("limits", &Config::limits, limits_table(), "of the process"),
      nested("drain", &Config::drain, drain_table(), "how it ends"),
      nested("access_log", &Config::access_log, access_log_table(), "one line a request"),
      {"admin", "a map", "", "probes, metrics, configuration",
       [](const Node& node, const Context& context, Config& into) {
         read_table(node, context, admin_table(), into.admin.emplace());
       }},
      later<Config>("trace", "traces over OTLP"),
      later<Config>("app", "the application that it runs"),
      {"listeners", "a map", "", "where requests come in", read_listeners},
      {"clusters", "a map", "", "where they go", read_clusters},
  };
  return table;
}

bool has_row(const Table<Config>& table, std::string_view name) {
  return std::any_of(table.begin(), table.end(),
                     [&](const Field<Config>& field) { return field.name == name; });
}

// Top-level keys beginning with x- are a home for anchors.
Node without_extensions(const Node& root) {
  Node rest = root;
  std::erase_if(rest.entries, [](const Node::Entry& entry) { return entry.key.starts_with("x-"); });
  return rest;
}

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

}  // namespace

void parse_root(const Node& root, const Context& context, Config& into) {
  read_table(without_extensions(root), context, root_table(), into);
  if (into.node.id.empty()) into.node.id = host_name();
}

void parse_included(const Node& root, const Context& context, Config& into) {
  Node rest = without_extensions(root);
  std::erase_if(rest.entries, [&](const Node::Entry& entry) {
    const bool is_of_main_file =
        has_row(root_table(), entry.key) && !has_row(included_table(), entry.key);
    if (is_of_main_file)
      context.mistakes.add(entry.mark, "\"" + entry.key + "\" stands in the main file only");
    return is_of_main_file;
  });
  read_table(rest, context, included_table(), into);
}

}  // namespace config
