#include "config/hints.hpp"
#include "config/parse.hpp"
#include "config/words.hpp"

#include <algorithm>

namespace config {
namespace {

// A command line as the list that it is, as far as no quotation marks hold words together.
std::string as_list(std::string_view line) {
  constexpr std::string_view blanks = " \t\r\n";
  if (line.find_first_of("'\"\\") != line.npos) return '[' + in_braces(line) + ']';
  std::string list;
  for (;;) {
    line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
    if (line.empty()) return '[' + list + ']';
    const std::size_t end = std::min(line.find_first_of(blanks), line.size());
    list.append(list.empty() ? "" : ", ").append(in_braces(line.substr(0, end)));
    line.remove_prefix(end);
  }
}

// An argument may be a whole script, of many lines.
void read_command(const Node& node, const Reading& reading, App& into) {
  if (!node.is_list())
    return reading.mistake(node, wrong_kind(node, "a list of words") +
                                     (node.is_scalar() && !node.is_secret
                                          ? ": write " + as_list(node.written) +
                                                ", each argument a word of its own; no shell "
                                                "reads it"
                                          : std::string()));
  for (const NodePtr& item : node.items) {
    if (!item->is_scalar()) {
      reading.mistake(*item, wrong_kind(*item, "text"));
    } else if (item->text.find('\0') != item->text.npos) {
      reading.mistake(*item, "an argument cannot hold a NUL");
    } else {
      if (into.command.empty() && item->text.empty())
        reading.mistake(*item, "the command is missing");
      if (into.command.empty()) into.mark = item->mark;
      into.command.push_back(item->text);
    }
  }
  if (node.items.empty()) reading.mistake(node, "the command is missing: write [./server]");
}

std::string ready_problem(std::string_view text) {
  const std::string shown = '"' + std::string(text) + "\" ";
  if (text.starts_with("https://"))
    return shown + "is not asked: the app is on this host, so write http:// or tcp://";
  return shown +
         "is not a place to ask: write http://127.0.0.1:8080/healthz or tcp://127.0.0.1:8080";
}

void read_ready(const Node& node, const Reading& reading, App& into) {
  const std::string* text = scalar_of(node, reading, "a URL such as http://127.0.0.1:8080/healthz");
  if (!text) return;
  Ready ready;
  ready.is_http = text->starts_with("http://");
  const std::string_view scheme = ready.is_http ? "http://" : "tcp://";
  if (!text->starts_with(scheme)) return reading.mistake(node, ready_problem(*text));
  const std::string_view rest = std::string_view(*text).substr(scheme.size());
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  const auto place = split_host_port(rest.substr(0, slash));
  if (!place || (!ready.is_http && (!place->port || slash < rest.size())))
    return reading.mistake(node, ready_problem(*text));
  if (slash < rest.size()) ready.path = rest.substr(slash);
  const std::size_t query = std::min(ready.path.find('?'), ready.path.size());
  if (!fits_path(std::string_view(ready.path).substr(0, query)) ||
      !std::all_of(ready.path.begin() + static_cast<std::ptrdiff_t>(query), ready.path.end(),
                   [](char c) { return c > ' ' && c < 0x7f && c != '#'; }))
    return reading.mistake(node, ready_problem(*text));
  ready.host = place->host;
  ready.authority = rest.substr(0, slash);
  ready.port = place->port.value_or(80);
  ready.text = *text;
  into.ready = std::move(ready);
}

const Table<App>& app_table() {
  static const Table<App> table = {
      {"command", "a list of words", "what stands behind `--` of `outrider run FILE -- COMMAND`",
       "the program and its arguments; no shell reads them", read_command},
      {"ready", "a URL", "",
       "ready when this answers 2xx, or tcp://HOST:PORT accepts; absent = as soon as it runs",
       read_ready},
      duration("start_timeout", &App::start_timeout, "60s", "for `ready`, then it is stopped",
               Zero::refused),
      duration("stop_timeout", &App::stop_timeout, "10s", "from SIGTERM to SIGKILL"),
  };
  return table;
}

}  // namespace

Field<Config> app() {
  return nested("app", &Config::app, app_table(), "the application that it runs");
}

}  // namespace config
