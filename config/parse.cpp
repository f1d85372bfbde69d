#include "config/parse.hpp"

#include "config/unix_access.hpp"

#include <algorithm>
#include <unistd.h>

namespace config {
namespace {

// `stdout`, `stderr` or a path.
void read_destination(const Node& node, const Reading& reading, std::string& into) {
  const std::string* text = scalar_of(node, reading, "stdout, stderr or a path");
  if (!text) return;
  if (*text == "stdout" || *text == "stderr")
    into = *text;
  else
    read_path(node, reading, into);
}

template <typename Struct>
Field<Struct> destination(std::string_view fallback, std::string_view doc) {
  Field<Struct> field{"to", "stdout, stderr or a path", fallback, doc,
                      [](const Node& node, const Reading& reading, Struct& into) {
                        read_destination(node, reading, into.to);
                        into.places[into.to] = node.mark;
                      }};
  field.complete = [](const NodePtr& written, const Struct& value) {
    const bool is_path = value.to != "stdout" && value.to != "stderr";
    return is_path || (written && written->has_variables()) ? write_path(written, value.to)
                                                            : scalar(value.to);
  };
  return field;
}

const Table<NodeInfo>& node_table() {
  static const Table<NodeInfo> table = {
      text("service", &NodeInfo::service, "outrider", "the service's name"),
      text("id", &NodeInfo::id, "the host name", "this instance"),
      text("zone", &NodeInfo::zone, "local", "where it runs: endpoints of that zone come first"),
  };
  return table;
}

Field<LogSettings> log_destination() {
  Field<LogSettings> field = destination<LogSettings>("stderr", "where the process's own log goes");
  field.read = [read = field.read](const Node& node, const Reading& reading, LogSettings& into) {
    if (node.is_scalar() && !node.is_secret && node.text.starts_with("syslog"))
      return reading.mistake(node, "syslog is for the access log; of what goes to stderr a service "
                                   "manager makes messages: write stderr, stdout or a path");
    read(node, reading, into);
  };
  return field;
}

const Table<LogSettings>& log_table() {
  static const Table<LogSettings> table = {
      log_destination(),
      word("level", &LogSettings::level, {"debug", "info", "warning", "error"}, "info",
           "the least that is logged"),
      word("format", &LogSettings::is_json, {"text", "json"}, "text", "of its lines"),
  };
  return table;
}

const Table<Limits>& limits_table() {
  constexpr std::uint64_t million = 1'000'000;
  static const Table<Limits> table = {
      integer("connections", &Limits::connections, 1, million, "10000",
              "downstream, of all listeners"),
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

// Whether it is there is seen when lines are sent: a daemon comes and goes.
void read_access_log_destination(const Node& node, const Reading& reading, AccessLog& into) {
  constexpr std::string_view scheme = "syslog:";
  const std::string* text = scalar_of(node, reading, "stdout, stderr, a path or syslog:PATH");
  if (!text) return;
  if (*text == "syslog") return reading.mistake(node, "which socket? write syslog:/dev/log");
  if (!text->starts_with(scheme)) return read_destination(node, reading, into.to);
  const std::string path = text->substr(scheme.size());
  if (path.starts_with("//"))
    return reading.mistake(node, '"' + *text +
                                     "\" is of a network, and lines go to a datagram socket of this "
                                     "machine: write syslog:/dev/log");
  if (!path.starts_with('/') || !base::Address::parse("unix:" + path))
    return reading.mistake(node, '"' + *text +
                                     "\" names no socket: write syslog:/dev/log, or another path "
                                     "of at most 107 bytes");
  into.to = *text;
}

Field<AccessLog> access_log_destination() {
  Field<AccessLog> field = destination<AccessLog>(
      "stdout", "where it goes; `syslog:/dev/log` is a datagram socket, which gets RFC 5424");
  field.type = "stdout, stderr, a path or syslog:PATH";
  field.read = [](const Node& node, const Reading& reading, AccessLog& into) {
    read_access_log_destination(node, reading, into);
    into.places[into.to] = node.mark;
  };
  field.complete = [complete = field.complete](const NodePtr& written, const AccessLog& log) {
    if (!log.to.starts_with("syslog:")) return complete(written, log);
    return written ? written : scalar(log.to);
  };
  return field;
}

const Table<AccessLog>& access_log_table() {
  static const Table<AccessLog> table = [] {
    Table<AccessLog> rows = {access_log_destination()};
    rows.insert(rows.end(), access_log_rows().begin(), access_log_rows().end());
    return rows;
  }();
  return table;
}

Field<Config> access_log() {
  Field<Config> field =
      nested("access_log", &Config::access_log, access_log_table(), "one line a request");
  field.read = [](const Node& node, const Reading& reading, Config& into) {
    constexpr std::string_view noes[] = {"false", "off", "no"};
    if (node.is_scalar() && !node.is_secret &&
        std::find(std::begin(noes), std::end(noes), node.text) != std::end(noes))
      return reading.mistake(node, wrong_kind(node, "a map") +
                                       ": to have no access log, write { format: none }");
    read_table(node, reading, access_log_table(), into.access_log);
    check_access_log(node, reading, into.access_log);
  };
  return field;
}

void read_admin_bind(const Node& node, const Reading& reading, Admin& into) {
  read_address(node, reading, into.bind);
}

void read_admin_probes(const Node& node, const Reading& reading, Admin& into) {
  read_address(node, reading, into.probes);
  into.places["probes"] = node.mark;
}

const Table<Admin>& admin_table() {
  static const Table<Admin> table = {
      required(
          Field<Admin>{"bind", "an address", "",
                       "on loopback or a unix socket, as in `bind: 127.0.0.1:15000`; elsewhere "
                       "with `token`",
                       read_admin_bind}),
      mode<Admin>(),
      owner<Admin>(),
      Field<Admin>{"probes", "an address", "",
                   "of GET /live, /ready and /metrics alone, for everybody who reaches it",
                   read_admin_probes},
      path("token", &Admin::token,
           "a file with the token that every request of `bind` must bear: `authorization: Bearer "
           "TOKEN`; read again at reload"),
  };
  return table;
}

Field<Config> admin() {
  Field<Config> field =
      nested("admin", &Config::admin, admin_table(), "probes, metrics, configuration");
  field.read = [read = field.read](const Node& node, const Reading& reading, Config& into) {
    read(node, reading, into);
    refuse_access_without_path(node, reading, into.admin->bind.is_unix());
    const base::Address& bind = into.admin->bind;
    if (bind.is_ip() && !bind.is_loopback() && into.admin->token.empty())
      reading.mistake(*node.find("bind"),
                      "elsewhere than on loopback or a unix socket admin needs `token: FILE`; to "
                      "open /live, /ready and /metrics alone, write `probes: ADDRESS`");
  };
  return field;
}

// Of named parts: each is read from its entry, and completed by itself.
template <typename Part>
Field<Config> parts(std::string_view name, std::vector<Part> Config::*member,
                    Part (*parse)(const Node::Entry&, const Reading&),
                    NodePtr (*complete)(const NodePtr&, const Part&), std::string_view doc) {
  Field<Config> field{
      name, "a map", "", doc, [=](const Node& node, const Reading& reading, Config& into) {
        if (!node.is_map())
          return reading.mistake(node, wrong_kind(node, "a map of " + std::string(name)));
        for (const Node::Entry& entry : node.entries)
          (into.*member).push_back(parse(entry, reading));
      }};
  field.complete = [=](const NodePtr& written, const Config& config) {
    std::vector<Node::Entry> entries;
    for (const Part& part : config.*member)
      entries.push_back({part.name, {}, complete(child_of(written, part.name), part)});
    return map(std::move(entries));
  };
  return field;
}

Field<Config> listeners() {
  Field<Config> field = parts("listeners", &Config::listeners, parse_listener, write_listener,
                              "where requests come in");
  field.rows = listener_rows;
  return field;
}

Field<Config> clusters() {
  Field<Config> field =
      parts("clusters", &Config::clusters, parse_cluster, write_cluster, "where they go");
  field.rows = cluster_rows;
  return field;
}

// Read elsewhere, and not shown: what it names is.
Field<Config> include() {
  Field<Config> field{"include", "a pattern or a list", "",
                      "more files with listeners and clusters",
                      [](const Node&, const Reading&, Config&) {}};
  field.complete = [](const NodePtr&, const Config&) -> NodePtr { return nullptr; };
  return field;
}

const Table<Config>& included_table() {
  static const Table<Config> table = {include(), listeners(), clusters()};
  return table;
}

void read_version(const Node& node, const Reading& reading, Config&) {
  if (!node.is_scalar() || node.text != "1")
    reading.mistake(node, "this version understands `version: 1`");
}

void read_workers(const Node& node, const Reading& reading, Config& into) {
  if (node.is_scalar() && node.text == "auto") return;
  read_integer(node, reading, 1, 256, into.workers);
}

NodePtr write_workers(const Config& config) {
  return scalar(config.workers == 0 ? "auto" : std::to_string(config.workers));
}

const Table<Config>& root_table() {
  static const Table<Config> table = {
      required(Field<Config>{"version", "1", "", "the generation of this language: `version: 1`",
                             read_version}),
      include(),
      {"workers", "a number or auto", "auto", "event loops", read_workers, write_workers},
      nested("node", &Config::node, node_table(), "who this is"),
      nested("log", &Config::log, log_table(), "the process's own log"),
      nested("limits", &Config::limits, limits_table(), "of the process"),
      nested("drain", &Config::drain, drain_table(), "how it ends"),
      access_log(),
      admin(),
      trace(),
      app(),
      listeners(),
      clusters(),
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

// Where a reload finds them changed it says so there.
Places places_of_lasting(const Node& root) {
  Places places;
  for (const auto& [part, key] : {std::pair("", "workers"), std::pair("limits", "connections"),
                                  std::pair("admin", "bind"), std::pair("admin", "probes"),
                                  std::pair("app", "command")}) {
    const std::string_view within(part);
    const Node* const of = within.empty() ? &root : root.find(within);
    const Node* const value = of ? of->find(key) : nullptr;
    if (value) places[within.empty() ? key : std::string(within) + '.' + key] = value->mark;
  }
  return places;
}

}  // namespace

void parse_root(const Node& root, const Reading& reading, Config& into) {
  into.lasting = places_of_lasting(root);
  read_table(without_extensions(root), reading, root_table(), into);
  if (into.node.id.empty()) into.node.id = host_name();
}

NodePtr write_root(const NodePtr& written, const Config& config) {
  return write_table(written, root_table(), config);
}

void parse_included(const Node& root, const Reading& reading, Config& into) {
  Node rest = without_extensions(root);
  std::erase_if(rest.entries, [&](const Node::Entry& entry) {
    const bool is_of_main_file =
        has_row(root_table(), entry.key) && !has_row(included_table(), entry.key);
    if (is_of_main_file)
      reading.mistakes.add(entry.mark, "\"" + entry.key + "\" stands in the main file only");
    return is_of_main_file;
  });
  read_table(rest, reading, included_table(), into);
}

std::vector<Row> root_rows() {
  return rows_of(root_table());
}

}  // namespace config
